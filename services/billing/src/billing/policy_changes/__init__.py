"""Changed policies, until the lines of the customers for whom they hold have followed."""
