"""Whether each customer's line is to be on, why, and what its router was last known to hold."""
