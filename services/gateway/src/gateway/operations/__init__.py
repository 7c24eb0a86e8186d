"""What operators and probes ask: health, what waits, a payment's timeline, the quarantine."""
