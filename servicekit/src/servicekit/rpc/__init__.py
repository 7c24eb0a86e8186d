"""How our processes speak to each other: one tree of errors, one server, one way to open a channel."""
