"""What operators tell many customers in their own words, at decent hours and never late."""
