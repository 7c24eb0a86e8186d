"""Money that M-Pesa's balances tell of and no callback does."""
