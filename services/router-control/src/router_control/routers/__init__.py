"""The registry: which routers there are, their logins, and which certificates are trusted."""
