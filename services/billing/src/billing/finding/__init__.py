"""Payments found by whatever is known of them."""
