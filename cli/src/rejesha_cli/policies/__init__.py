"""What ISPs have decided on their customers' lines."""
