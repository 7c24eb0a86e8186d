"""M-Pesa's door: who may post a callback, what it says, and recording it."""
