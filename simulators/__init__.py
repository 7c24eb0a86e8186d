"""Faithful stand-ins for the parties Lipanet talks to, with faults on demand; no service imports them."""
