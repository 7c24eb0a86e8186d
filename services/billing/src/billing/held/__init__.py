"""Payments that are held, and what operators do about them."""
