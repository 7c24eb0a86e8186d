"""What became of messages, read back for operators."""
