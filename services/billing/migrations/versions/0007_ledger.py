"""The ledger: a transfer for each movement of money, those of earlier payments and wallets included.

`wallet_entries` stays, for a billing of the release before that still runs; nothing reads it any more.
"""

import sqlalchemy as sa
from alembic import op
from billing.adoption import indexes, transfers
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

metadata = sa.MetaData()

sa.Table(
    "ledger_transfers",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("transfer_key", sa.String(120), nullable=False),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("from_account", sa.String(64), nullable=False),
    sa.Column("to_account", sa.String(64), nullable=False),
    sa.Column("amount", sa.BigInteger().with_variant(mysql.DECIMAL(18, 2), "mysql"), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    sa.UniqueConstraint("transfer_key", name="uq_ledger_transfers_transfer_key"),
    sa.Index("ix_ledger_transfers_from_account", "from_account"),
    sa.Index("ix_ledger_transfers_to_account", "to_account"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    connection = op.get_bind()
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        indexes.create_missing(connection, table)
    transfers.open_wallets(connection)


def downgrade():
    metadata.drop_all(op.get_bind())
