"""What Prometheus is told of the state of the business: what is held, what is due, what is low."""
