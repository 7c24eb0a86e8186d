"""What notify's run-time user may do with which table. Messages are never deleted."""

from servicekit.schema.grants import CHANGE

WANTED = {"messages": CHANGE}
