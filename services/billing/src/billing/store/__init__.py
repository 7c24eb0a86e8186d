"""Every query of billing, one module a noun. Takes a connection, never begins or commits."""
