"""Ours: the day of the month that a due date gets back, where its month was too short for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    # A new table was made with it, and an adopted one has been given it.
    if "due_day" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("pppoe_users")}:
        op.add_column("pppoe_users", sa.Column("due_day", sa.Integer, nullable=True))


def downgrade():
    """Leaves the column, as it leaves the table that it is in."""
