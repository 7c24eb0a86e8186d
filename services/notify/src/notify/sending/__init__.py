"""Handing messages to a provider: claims, attempts, outcomes."""
