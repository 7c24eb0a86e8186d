"""Faithful stand-ins for the parties Rejesha talks to, with faults on demand; no service imports them."""
