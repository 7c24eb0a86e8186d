"""The same change for many customers."""
