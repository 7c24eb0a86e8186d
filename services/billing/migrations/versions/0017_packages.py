"""Packages: what ISPs sell; of a customer, which one is paid for, how long it lasts, and which one the line has."""

import sqlalchemy as sa
from alembic import op
from billing.adoption import predecessor
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"

metadata = sa.MetaData()

sa.Table(
    "line_packages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer, nullable=False),
    sa.Column("name", sa.String(30), nullable=False),
    sa.Column("price", sa.BigInteger().with_variant(mysql.DECIMAL(12, 2), "mysql"), nullable=False),
    sa.Column("period", sa.String(30), nullable=False),
    sa.Column("profile", sa.String(60), nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.UniqueConstraint("isp_id", "name", name="uq_line_packages_isp_id_name"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)
_COLUMNS = ("line_paid_package", "line_period", "line_package", "line_package_day")
_INDEX = "ix_pppoe_users_line_package_day"


def upgrade():
    connection = op.get_bind()
    metadata.create_all(connection)  # its key is made with it
    customers = predecessor.metadata.tables["pppoe_users"]
    there = {column["name"] for column in sa.inspect(connection).get_columns("pppoe_users")}
    for name in _COLUMNS:
        # New tables were made with them, and adopted ones have been given them.
        if name not in there:
            op.add_column("pppoe_users", sa.Column(name, customers.c[name].type, nullable=True))
    if _INDEX not in {index["name"] for index in sa.inspect(connection).get_indexes("pppoe_users")}:
        op.create_index(_INDEX, "pppoe_users", ["line_package_day"])


def downgrade():
    """Leaves the customers' columns and their index, as it leaves the table that they are in."""
    metadata.drop_all(op.get_bind())
