"""Who was reminded of which due date; and an index by which customers are found by theirs."""

import sqlalchemy as sa
from alembic import op
from billing.adoption import indexes, predecessor
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"

metadata = sa.MetaData()

sa.Table(
    "reminders",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("due_date", sa.Date, nullable=False),
    sa.Column("day_offset", sa.Integer, nullable=False),
    sa.Column("customer_id", sa.Integer, nullable=False),
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    sa.UniqueConstraint("due_date", "day_offset", "customer_id", name="uq_reminders_due_date_day_offset_customer_id"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    connection = op.get_bind()
    metadata.create_all(connection)  # its key is made with it
    indexes.create_missing(connection, predecessor.metadata.tables["pppoe_users"])


def downgrade():
    """Leaves the index: it is in nobody's way."""
    metadata.drop_all(op.get_bind())
