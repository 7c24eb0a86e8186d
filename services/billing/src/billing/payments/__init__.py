"""Payments: recorded, routed, settled, held, assigned; each with its timeline."""
