"""How long records are kept that are no money."""
