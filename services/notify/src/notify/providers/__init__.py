"""The parties that carry messages to phones: one module each, and what they share."""
