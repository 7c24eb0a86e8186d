"""The tables of bulks, beside those in billing.schema. They hold ids, dates, prices and texts, no names."""

import sqlalchemy as sa
from servicekit.moments import UtcDateTime

from billing.columns import BigId, Word
from billing.schema import metadata

bulks = sa.Table(
    "bulks",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("token_key", sa.String(64), nullable=False),  # of the preview's token: one token is one bulk
    sa.Column("plan", sa.Text, nullable=False),  # see rules.Plan
    sa.Column("state", Word, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.UniqueConstraint("token_key", name="uq_bulks_token_key"),
)

# Who is to be changed, and who was: what is done is noted in the transaction that does it.
bulk_customers = sa.Table(
    "bulk_customers",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("bulk_id", sa.BigInteger, nullable=False),
    sa.Column("customer_id", sa.Integer, nullable=False),
    sa.Column("state", Word, nullable=False),
    sa.Column("old_value", Word, nullable=False),
    sa.Column("new_value", Word, nullable=False),
    sa.Column("old_due_day", sa.Integer),
    sa.Column("note", sa.String(255), nullable=False),
    sa.UniqueConstraint("bulk_id", "customer_id", name="uq_bulk_customers_bulk_id_customer_id"),
)
