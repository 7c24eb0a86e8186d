"""What is wanted of each line and what its router was last known to hold; and of a line's task, which of that it is."""

import sqlalchemy as sa
from alembic import op
from billing.adoption.predecessor import metadata

revision = "0012"
down_revision = "0011"


def upgrade():
    customers = metadata.tables["pppoe_users"]
    there = _columns("pppoe_users")
    for column in customers.columns:
        # New tables were made with them, and adopted ones have been given them.
        if column.name.startswith("line_") and column.name not in there:
            op.add_column("pppoe_users", sa.Column(column.name, column.type, nullable=True))
    there = _columns("tasks")
    for column in (sa.Column("line_wanted", sa.String(30)), sa.Column("line_version", sa.Integer)):
        if column.name not in there:  # a run that was cut off may have made it
            op.add_column("tasks", column)


def _columns(table):
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def downgrade():
    """Leaves the customers' columns, as it leaves the table that they are in."""
    op.drop_column("tasks", "line_version")
    op.drop_column("tasks", "line_wanted")
