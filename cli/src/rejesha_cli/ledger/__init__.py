"""Accounts of money and the transfers between them."""
