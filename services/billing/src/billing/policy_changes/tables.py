"""The table of changed policies whose customers' lines are yet to follow, beside those in billing.schema."""

import sqlalchemy as sa
from servicekit.moments import UtcDateTime

from billing.columns import BigId, Word
from billing.schema import metadata

# A row for each change, until all of its customers are settled.
unsettled_policies = sa.Table(
    "unsettled_policies",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("noun", Word, nullable=False),  # "isp" or "customer"
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("fields", sa.String(255), nullable=False),  # which were changed, with commas
    sa.Column("after_id", sa.Integer, nullable=False),  # the last customer that is settled
    sa.Column("create_time", UtcDateTime, nullable=False),
)
