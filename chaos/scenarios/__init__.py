"""The scenarios by name; each one breaks something under load, heals it, and has the books checked."""
