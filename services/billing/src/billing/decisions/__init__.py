"""What was decided on single fields of policies, by ISPs, for customers and by packages: asked for each leased line."""
