"""Credits for messages, which ISPs buy by paying into accounts of their own."""
