"""When each router was compared with what is wanted of its lines, and whose turn is next."""
