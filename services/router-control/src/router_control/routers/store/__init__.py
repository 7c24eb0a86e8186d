"""Every query on the registry. Never commits."""
