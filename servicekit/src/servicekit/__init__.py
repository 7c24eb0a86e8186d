"""What every Lipanet process shares. Knows nothing of payments, routers or messages."""
