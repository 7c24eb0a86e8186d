"""Money and credits that payments move: the ISPs' wallets with their entries, and their credits."""
