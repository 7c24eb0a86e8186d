"""Tasks are leased by kind: lines and messages are carried at a pace of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

OLD = ("ix_tasks_state_due_at", ["state", "due_at"])
NEW = ("ix_tasks_kind_state_due_at", ["kind", "state", "due_at"])


def upgrade():
    replace(OLD, NEW)


def downgrade():
    replace(NEW, OLD)


def replace(old, new):
    """A run that was cut off may have done either step."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("tasks")}
    if new[0] not in there:
        op.create_index(new[0], "tasks", new[1])
    if old[0] in there:
        op.drop_index(old[0], "tasks")
