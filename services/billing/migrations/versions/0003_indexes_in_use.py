"""Indexes for how the tables are used: tasks are leased by kind, those of a router that wait are looked for after each
of its answers, and nobody looks for steps by category.

An index costs each of a payment's six steps as much as half of the row does. One that the predecessor made has another
name and stays: its owner may use it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BY_DUE_TIME = ("tasks", "ix_tasks_state_due_time", ["state", "due_time"])
BY_KIND = ("tasks", "ix_tasks_kind_state_due_time", ["kind", "state", "due_time"])
OF_ROUTER = ("tasks", "ix_tasks_router_id_state", ["router_id", "state"])
OF_ROUTER_BY_DUE_TIME = ("tasks", "ix_tasks_router_id_state_due_time", ["router_id", "state", "due_time"])
BY_CATEGORY = ("payment_debug_log", "ix_payment_debug_log_category", ["category"])


def upgrade():
    create(BY_KIND)
    drop(BY_DUE_TIME)
    create(OF_ROUTER_BY_DUE_TIME)
    drop(OF_ROUTER)
    drop(BY_CATEGORY)


def downgrade():
    create(BY_CATEGORY)
    create(OF_ROUTER)
    drop(OF_ROUTER_BY_DUE_TIME)
    create(BY_DUE_TIME)
    drop(BY_KIND)


def create(index):
    """A run that was cut off may have done it."""
    table, name, columns = index
    if name not in names(table):
        op.create_index(name, table, columns)


def drop(index):
    table, name, _ = index
    if name in names(table):
        op.drop_index(name, table)


def names(table):
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
