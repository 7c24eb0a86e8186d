"""Create the registry, or complete the one that was adopted with its rows; see env.py."""

import sqlalchemy as sa
from alembic import op
from router_control.routers.adoption import OURS, columns, routers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INDEX = "ix_routers_router_name"
# One longer than this is too long for a key.
MAX_NAME = 255


def upgrade() -> None:
    # A migration that broke off half-way starts again here: MySQL commits each of these statements by itself.
    routers.create(op.get_bind(), checkfirst=True)
    add_missing_columns()
    index_names()


def add_missing_columns() -> None:
    """After the way back; an adopted table has them already."""
    present = {column["name"].lower() for column in sa.inspect(op.get_bind()).get_columns("routers")}
    for column in columns():
        if column.name not in present:
            op.add_column("routers", column)


def index_names() -> None:
    """An index on the name: unique unless adopted rows forbid it; none where the column is too long for one."""
    connection = op.get_bind()
    name = next(c for c in sa.inspect(connection).get_columns("routers") if c["name"].lower() == "router_name")
    indexed = {index["name"] for index in sa.inspect(connection).get_indexes("routers")}
    if INDEX in indexed or (name["type"].length or MAX_NAME + 1) > MAX_NAME:
        return
    doubled = connection.execute(
        sa.text("SELECT 1 FROM routers WHERE router_name IS NOT NULL GROUP BY router_name HAVING COUNT(*) > 1 LIMIT 1")
    ).first()
    op.create_index(INDEX, "routers", ["router_name"], unique=doubled is None)


def downgrade() -> None:
    """Leave the predecessor's columns and every row; passwords are lost."""
    inspector = sa.inspect(op.get_bind())
    if INDEX in {index["name"] for index in inspector.get_indexes("routers")}:
        op.drop_index(INDEX, "routers")
    keeps_comments = op.get_bind().dialect.name == "mysql"
    names = {column.name for column in routers.columns if column.comment == OURS}
    for column in inspector.get_columns("routers"):
        if column["name"] in names and (not keeps_comments or column["comment"] == OURS):
            op.drop_column("routers", column["name"])
