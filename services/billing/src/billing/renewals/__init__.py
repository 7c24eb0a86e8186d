"""Packages that are paid from a customer's credit when the paid time is over."""
