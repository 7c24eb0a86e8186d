"""When each router was compared with what is wanted of its lines."""

import sqlalchemy as sa
from alembic import op
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"

metadata = sa.MetaData()


def _moment():
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


sa.Table(
    "router_checks",
    metadata,
    sa.Column("router_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("create_time", _moment(), nullable=False),
    sa.Column("claim_time", _moment()),
    sa.Column("check_time", _moment()),
    sa.Column("line_count", sa.Integer, nullable=False),
    sa.Column("drift_count", sa.Integer, nullable=False),
    sa.Column("report_time", _moment()),
    sa.Column("fault", sa.String(30), nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    metadata.create_all(op.get_bind())


def downgrade():
    metadata.drop_all(op.get_bind())
