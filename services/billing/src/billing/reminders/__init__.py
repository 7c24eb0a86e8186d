"""Customers who are told before, on and after the day until which they have paid, each time once."""
