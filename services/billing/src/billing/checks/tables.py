"""The table of routers' comparisons. A module of its own: nothing else reads it but figures."""

import sqlalchemy as sa
from servicekit.moments import UtcDateTime

from billing.columns import Word
from billing.schema import metadata

# When each router was compared with what is wanted of its lines, and how that went.
router_checks = sa.Table(
    "router_checks",
    metadata,
    sa.Column("router_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("claim_time", UtcDateTime),  # NULL: nobody is at it
    sa.Column("check_time", UtcDateTime),  # when it was last read to the end
    sa.Column("line_count", sa.Integer, nullable=False),
    sa.Column("drift_count", sa.Integer, nullable=False),
    sa.Column("report_time", UtcDateTime),
    sa.Column("fault", Word, nullable=False),
)
