"""The load generator: payments over HTTP/1.1 from a process of its own."""
