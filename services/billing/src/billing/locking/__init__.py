"""Row locks: a row that another transaction holds must not hold up those who do not need it."""
