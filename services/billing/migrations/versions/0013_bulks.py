"""The same change for many customers: what was begun, and who is done."""

import sqlalchemy as sa
from alembic import op
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"

metadata = sa.MetaData()

_INNODB = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": EXACT}
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

sa.Table(
    "bulks",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("token_key", sa.String(64), nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    sa.UniqueConstraint("token_key", name="uq_bulks_token_key"),
    **_INNODB,
)

sa.Table(
    "bulk_customers",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("bulk_id", sa.BigInteger, nullable=False),
    sa.Column("customer_id", sa.Integer, nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("old_value", sa.String(30), nullable=False),
    sa.Column("new_value", sa.String(30), nullable=False),
    sa.Column("old_due_day", sa.Integer),
    sa.Column("note", sa.String(255), nullable=False),
    sa.UniqueConstraint("bulk_id", "customer_id", name="uq_bulk_customers_bulk_id_customer_id"),
    **_INNODB,
)


def upgrade():
    metadata.create_all(op.get_bind())  # their keys are made with them


def downgrade():
    metadata.drop_all(op.get_bind())
