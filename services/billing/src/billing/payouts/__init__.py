"""Customers' credits that are paid out to them, by hand and outside of this system."""
