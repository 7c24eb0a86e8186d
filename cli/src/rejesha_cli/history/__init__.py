"""Who did what, when and why, over everything."""
