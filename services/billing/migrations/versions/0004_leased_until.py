"""A lease has an end of its own, so that it need not move its task within the indexes by `due_at`.

A task that was leased before has its lease's end in `due_at` and none here: it is due when that has passed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade():
    if "leased_until" not in names():  # a run that was cut off may have added it
        op.add_column("tasks", sa.Column("leased_until", moment))


def downgrade():
    # Whoever reads only `due_at` must not take what is leased.
    op.execute("UPDATE tasks SET due_at = leased_until WHERE leased_until > due_at AND state = 'open'")
    op.drop_column("tasks", "leased_until")


def names():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("tasks")}
