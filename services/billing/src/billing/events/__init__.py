"""What happened to a customer: payments, changes on record, and what routers answered, in one order."""
