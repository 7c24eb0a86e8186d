"""RouterOS: its protocol, connections to routers, and what keeps routers apart. Knows no registry."""
