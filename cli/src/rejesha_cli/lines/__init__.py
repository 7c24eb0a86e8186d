"""Lines: on until when, and why."""
