"""What every Rejesha process shares. Knows nothing of payments, routers or messages."""
