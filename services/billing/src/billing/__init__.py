"""Payments, wallets, due dates and the tasks that follow from them: the only writer of money."""
