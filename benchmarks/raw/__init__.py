"""Raw InnoDB as a peer: the rows of one payment, written with nothing of ours in between."""
