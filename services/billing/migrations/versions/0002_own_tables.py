"""Ours beside the predecessor's: deliveries, wallet entries, tasks, routers' names, notice tallies, quarantine."""

import sqlalchemy as sa
from alembic import op
from billing.adoption import indexes
from servicekit.schema.columns import EXACT
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
money = sa.BigInteger().with_variant(mysql.DECIMAL(18, 2), "mysql")
body = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")

# Said here, and not left to a server or a schema, which may have been made in other times.
in_mysql = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": EXACT}

metadata = sa.MetaData()

sa.Table(
    "payment_deliveries",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("conflicting", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("content", sa.String(255), nullable=False),
    sa.Column("callback_body", body, nullable=False),
    sa.Column("source_address", sa.String(64), nullable=False),
    sa.Column("receive_time", moment, nullable=False),
    sa.Index("ix_payment_deliveries_trans_id", "trans_id"),
    **in_mysql,
)
sa.Table(
    "wallet_entries",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("isp_id", sa.Integer, nullable=False),
    sa.Column("trans_id", sa.String(100)),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("amount", money, nullable=False),
    sa.Column("balance_after", money, nullable=False),
    sa.Column("create_time", moment, nullable=False),
    sa.UniqueConstraint("trans_id", name="uq_wallet_entries_trans_id"),
    sa.Index("ix_wallet_entries_isp_id", "isp_id"),
    **in_mysql,
)
sa.Table(
    "tasks",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("customer_id", sa.Integer),
    sa.Column("router_id", sa.Integer),
    sa.Column("variant", sa.String(30)),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("fencing_token", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("due_time", moment, nullable=False),
    sa.Column("leased_by", sa.String(100)),
    sa.Column("lease_expire_time", moment),
    sa.Column("expire_time", moment, nullable=False),
    sa.Column("last_error", sa.String(255), nullable=False),
    sa.Column("create_time", moment, nullable=False),
    sa.Column("end_time", moment),
    # Tasks are leased by kind; the router is in it so that those of busy routers are passed by within the index.
    sa.Index("ix_tasks_kind_state_due_time_router_id", "kind", "state", "due_time", "router_id"),
    sa.Index("ix_tasks_trans_id", "trans_id"),
    # Those of a router that wait are looked for after each of its answers.
    sa.Index("ix_tasks_router_id_state_due_time", "router_id", "state", "due_time"),
    **in_mysql,
)
sa.Table(
    "router_names",
    metadata,
    sa.Column("router_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
    **in_mysql,
)
sa.Table(
    "notice_tallies",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("topic", sa.String(30), nullable=False),
    sa.Column("recipient", sa.String(30), nullable=False),
    sa.Column("since", moment, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("held_back", sa.Integer, nullable=False),
    sa.Column("held_back_cents", money, nullable=False),
    sa.Column("digest_id", sa.BigInteger),
    sa.UniqueConstraint("topic", "recipient", name="uq_notice_tallies_topic_recipient"),
    **in_mysql,
)
sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("callback_body", body, nullable=False),
    sa.Column("truncated", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("fault", sa.String(255), nullable=False),
    sa.Column("source_address", sa.String(64), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("note", sa.String(255), nullable=False),
    sa.Column("create_time", moment, nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
    sa.UniqueConstraint("idempotency_key", name="uq_quarantine_idempotency_key"),
    sa.Index("ix_quarantine_state", "state"),
    **in_mysql,
)


def upgrade():
    connection = op.get_bind()
    metadata.create_all(connection)  # creates what is missing: a cut-off run may have made some
    for table in metadata.sorted_tables:
        indexes.create_missing(connection, table)  # and may have ended between a table and its indexes


def downgrade():
    metadata.drop_all(op.get_bind())
