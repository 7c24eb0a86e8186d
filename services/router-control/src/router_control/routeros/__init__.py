"""RouterOS: its protocol, connections to routers, and the workers that keep routers apart. Knows no registry."""
