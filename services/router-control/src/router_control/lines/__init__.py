"""Lines: what is wanted of them, made true on a router and read back."""
