"""Payments that are taken back: from where they do not belong, or because M-Pesa gave their money back."""
