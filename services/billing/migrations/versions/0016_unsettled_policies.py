"""Changed policies whose customers' lines are yet to follow."""

import sqlalchemy as sa
from alembic import op
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"

metadata = sa.MetaData()

sa.Table(
    "unsettled_policies",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("noun", sa.String(30), nullable=False),
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("fields", sa.String(255), nullable=False),
    sa.Column("after_id", sa.Integer, nullable=False),
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    metadata.create_all(op.get_bind())


def downgrade():
    metadata.drop_all(op.get_bind())
