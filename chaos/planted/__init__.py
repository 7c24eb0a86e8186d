"""Services with a bug planted, for the control runs. Nothing but those starts them."""
