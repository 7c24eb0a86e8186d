"""The predecessor, rebuilt on its own stack as a peer."""
