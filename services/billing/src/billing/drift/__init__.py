"""Drift: where what a router holds is not what is wanted of its lines."""
