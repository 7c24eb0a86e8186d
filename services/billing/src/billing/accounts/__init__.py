"""ISPs and their customers."""
