"""Money that payments move: the ISPs' wallets with their entries."""
