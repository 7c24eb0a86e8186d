"""What becomes of tasks that could not be done: due again, given up, expired, and opened again by an operator."""
