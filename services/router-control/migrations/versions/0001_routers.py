"""Create the registry, or adopt the predecessor's `routers` with its rows.

What the predecessor holds stays as it is: missing columns are added, short ones widened, names may be there twice.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Marks on MySQL which columns of an adopted table are ours, for the way back.
OURS = "added by router-control"
INDEX = "ix_routers_router_name"

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
LOGIN = sa.String(100).with_variant(mysql.VARCHAR(100, charset="utf8mb4"), "mysql")
NAME = sa.String(255).with_variant(sa.String(255, collation="NOCASE"), "sqlite")


def predecessors() -> list[sa.Column]:
    return [sa.Column("router_name", NAME), sa.Column("local_ip", sa.String(255))]


def ours() -> list[sa.Column]:
    return [
        sa.Column("port", sa.Integer, comment=OURS),
        sa.Column("tls", sa.Boolean, nullable=False, server_default=sa.false(), comment=OURS),
        sa.Column("verify_certificate", sa.Boolean, nullable=False, server_default=sa.false(), comment=OURS),
        sa.Column("username", LOGIN, comment=OURS),
        sa.Column("password_encrypted", sa.Text, comment=OURS),
        sa.Column("created_at", MOMENT, comment=OURS),
    ]


def upgrade() -> None:
    # A migration that broke off half-way starts again here: MySQL commits each of these statements by itself.
    if not sa.inspect(op.get_bind()).has_table("routers"):
        identity = sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)
        op.create_table("routers", identity, *predecessors(), sqlite_autoincrement=True)
    add_missing_columns()
    if op.get_bind().dialect.name == "mysql":
        widen_short_columns()
    index_names()


def add_missing_columns() -> None:
    present = {column["name"].lower() for column in sa.inspect(op.get_bind()).get_columns("routers")}
    for column in predecessors() + ours():
        if column.name not in present:
            op.add_column("routers", column)


def widen_short_columns() -> None:
    for column in sa.inspect(op.get_bind()).get_columns("routers"):
        kind = column["type"]
        if column["name"] in ("router_name", "local_ip") and isinstance(kind, sa.String) and (kind.length or 255) < 255:
            op.alter_column(
                "routers",
                column["name"],
                type_=mysql.VARCHAR(255, collation=kind.collation),
                existing_nullable=column["nullable"],
                existing_server_default=sa.text(column["default"]) if column["default"] else None,
                existing_comment=column.get("comment"),
            )


def index_names() -> None:
    """An index on the name: unique unless adopted rows forbid it; none where the column is too long for one."""
    connection = op.get_bind()
    name = next(c for c in sa.inspect(connection).get_columns("routers") if c["name"].lower() == "router_name")
    indexed = {index["name"] for index in sa.inspect(connection).get_indexes("routers")}
    if INDEX in indexed or (name["type"].length or 256) > 255:
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
    names = {column.name for column in ours()}
    for column in inspector.get_columns("routers"):
        if column["name"] in names and (not keeps_comments or column["comment"] == OURS):
            op.drop_column("routers", column["name"])
