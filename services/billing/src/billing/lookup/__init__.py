"""What became of payments and tasks, read back for operators."""
