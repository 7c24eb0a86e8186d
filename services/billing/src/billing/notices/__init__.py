"""Who is told what, and how many messages of a kind go out one by one."""
