"""Queries on rows that others want too: lock them, find out who is held."""
