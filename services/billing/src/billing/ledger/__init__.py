"""Where every shilling is: accounts of money, and the transfers between them."""
