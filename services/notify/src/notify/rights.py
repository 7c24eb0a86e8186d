"""What notify's run-time user may do with which table. Messages are deleted when they are old."""

from servicekit.schema.grants import ALL

WANTED = {"messages": ALL}
