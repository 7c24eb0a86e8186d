"""Deliveries that contradict the first one of their TransID: kept beside it, and told."""
