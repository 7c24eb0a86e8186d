"""Ours: when an entry of the log was made, to the microsecond; the predecessor's column has whole seconds in MySQL."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"


def upgrade():
    # A new table was made with it, and an adopted one has been given it.
    if "create_time" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("payment_debug_log")}:
        moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
        op.add_column("payment_debug_log", sa.Column("create_time", moment, nullable=True))


def downgrade():
    """Leaves the column, as it leaves the table that it is in."""
