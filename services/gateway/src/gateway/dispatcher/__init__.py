"""Carries out the tasks that payments leave behind: leases them from billing, asks the others, reports back."""
