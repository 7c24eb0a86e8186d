"""Keeps the registry of routers and switches PPPoE lines on them."""
