"""The same change for many customers: previewed, applied as it was seen, and undone in one go."""
