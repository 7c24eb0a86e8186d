"""Queries on transfers, wallets and accounts: post what moves, read it back."""
