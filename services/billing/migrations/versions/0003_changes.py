"""Ours: what operators change on ISPs and customers, and since when one of them is closed."""

import sqlalchemy as sa
from alembic import op
from billing.adoption import indexes
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

metadata = sa.MetaData()

sa.Table(
    "account_changes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("noun", sa.String(30), nullable=False),
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("field", sa.String(30), nullable=False),
    sa.Column("old_value", sa.String(255), nullable=False),
    sa.Column("new_value", sa.String(255), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    sa.Index("ix_account_changes_noun_noun_id", "noun", "noun_id"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    connection = op.get_bind()
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        indexes.create_missing(connection, table)
    for table in ("isps", "pppoe_users"):
        # New tables were made with it, and adopted ones have been given it.
        if "closed_at" not in {column["name"] for column in sa.inspect(connection).get_columns(table)}:
            op.add_column(table, sa.Column("closed_at", sa.TIMESTAMP, nullable=True))


def downgrade():
    """Leaves the columns, as it leaves the tables that they are in."""
    metadata.drop_all(op.get_bind())
