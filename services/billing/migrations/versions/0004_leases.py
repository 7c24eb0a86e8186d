"""What leasing needs: a lease's end of its own, so that a lease need not move its task within the indexes; and the
router in the index by which tasks are leased, so that those of busy routers are passed by within it.

A task that was leased before has its lease's end in `due_time` and none of its own: it is due when that has passed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
BY_KIND = ("ix_tasks_kind_state_due_time", ["kind", "state", "due_time"])
BY_KIND_WITH_ROUTER = ("ix_tasks_kind_state_due_time_router_id", ["kind", "state", "due_time", "router_id"])


def upgrade():
    if "lease_expire_time" not in columns():  # a run that was cut off may have added it
        op.add_column("tasks", sa.Column("lease_expire_time", moment))
    replace(BY_KIND, BY_KIND_WITH_ROUTER)


def downgrade():
    replace(BY_KIND_WITH_ROUTER, BY_KIND)
    # Whoever reads only `due_time` must not take what is leased.
    op.execute("UPDATE tasks SET due_time = lease_expire_time WHERE lease_expire_time > due_time AND state = 'open'")
    op.drop_column("tasks", "lease_expire_time")


def replace(old, new):
    if new[0] not in indexes():
        op.create_index(new[0], "tasks", new[1])
    if old[0] in indexes():
        op.drop_index(old[0], "tasks")


def columns():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("tasks")}


def indexes():
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("tasks")}
