"""Two commits side by side, in one run."""
