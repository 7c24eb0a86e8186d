"""Secrets: all that a router holds, page by page."""
