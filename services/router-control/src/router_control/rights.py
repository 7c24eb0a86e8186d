"""What router-control's run-time user may do with which table."""

from servicekit.schema.grants import ALL

WANTED = {"routers": ALL}
