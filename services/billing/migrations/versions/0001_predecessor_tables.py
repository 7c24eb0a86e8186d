"""The predecessor's tables: created where they are missing, adopted, rows and all, where they are there.

Every step looks before it acts, because MySQL commits each ALTER by itself: a migration that was cut off is run again.
"""

import sqlalchemy as sa
from alembic import op
from billing.store import adoption, columns
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

now = {"server_default": sa.text("CURRENT_TIMESTAMP")}
big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def money(digits):
    """Integer cents in SQLite; `digits` in MySQL leave room for sums that DECIMAL(10, 2) cannot hold."""
    return sa.BigInteger().with_variant(mysql.DECIMAL(digits, 2), "mysql")


def key(of):
    """An account as references are compared: without white space, in upper case.

    Longer than its source, so that no old row can fail to fit.
    """
    compared = of
    for space in (" ", "\t", "\r", "\n", "\u00a0"):
        compared = f"replace({compared}, '{space}', '')"
    type_ = sa.String(255).with_variant(mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
    return type_, sa.Computed(f"upper({compared})", persisted=False)


metadata = sa.MetaData()

sa.Table(
    "isps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255)),
    sa.Column("smsaccount", sa.String(100)),
    sa.Column("waaccount", sa.String(100)),
    sa.Column("pay_account_number", sa.String(100)),
    sa.Column("contact_phone", sa.String(20)),
    sa.Column("sms_key", *key("smsaccount")),
    sa.Column("wa_key", *key("waaccount")),
    sa.Column("pay_key", *key("pay_account_number")),
    sa.Index("ix_isps_sms_key", "sms_key"),
    sa.Index("ix_isps_wa_key", "wa_key"),
    sa.Index("ix_isps_pay_key", "pay_key"),
)
sa.Table(
    "pppoe_users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(255)),
    sa.Column("username", sa.String(100)),
    sa.Column("account_name", sa.String(100)),
    sa.Column("amount", money(12)),
    sa.Column("router_id", sa.Integer),
    sa.Column("isp_id", sa.Integer),
    sa.Column("status", sa.Enum("active", "inactive", create_constraint=False)),
    sa.Column("next_payment_date", sa.Date),
    sa.Column("phone", sa.String(20)),
    sa.Column("created_at", sa.TIMESTAMP, **now),
    sa.Column("last_reconnected_at", sa.TIMESTAMP, nullable=True),
    sa.Column("account_key", *key("account_name")),
    sa.Index("ix_pppoe_users_account_key", "account_key"),
)
sa.Table(
    "paybill_payments",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("TransactionType", sa.String(50)),
    sa.Column("TransID", sa.String(100)),
    sa.Column("TransTime", sa.String(50)),
    sa.Column("TransAmount", money(12)),
    sa.Column("BusinessShortCode", sa.String(50)),
    sa.Column("BillRefNumber", sa.String(100)),
    sa.Column("InvoiceNumber", sa.String(100)),
    sa.Column("OrgAccountBalance", money(16)),
    sa.Column("ThirdPartyTransID", sa.String(100)),
    sa.Column("MSISDN", sa.String(100)),
    sa.Column("FirstName", sa.String(100)),
    sa.Column("received_at", sa.TIMESTAMP, **now),
    sa.Column("outcome", sa.String(30)),
    sa.Column("unmatched_reason", sa.String(30)),
    sa.Column("isp_id", sa.Integer),
    sa.Column("pppoe_user_id", sa.Integer),
    sa.Column("assigned_reference", sa.String(100)),
    sa.Index("uq_paybill_payments_TransID", "TransID", unique=True),
    sa.Index("ix_paybill_payments_outcome", "outcome"),
)
sa.Table(
    "user_transactions_in",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("pppoe_user_id", sa.Integer),
    sa.Column("amount", money(12)),
    sa.Column("method", sa.String(50)),
    sa.Column("reference", sa.String(100)),
    sa.Column("received_at", sa.TIMESTAMP, **now),
)
sa.Table(
    "isp_wallet",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("balance", money(18), server_default="0"),
    sa.Column("last_updated", sa.TIMESTAMP, **now),
    sa.Index("uq_isp_wallet_isp_id", "isp_id", unique=True),
)
sa.Table(
    "isp_credits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("sms_credits", sa.BigInteger, server_default="0"),
    sa.Column("whatsapp_credits", sa.BigInteger, server_default="0"),
    sa.Index("uq_isp_credits_isp_id", "isp_id", unique=True),
)
sa.Table(
    "credit_transactions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("transaction_type", sa.String(20)),
    sa.Column("credit_type", sa.String(20)),
    sa.Column("amount", sa.BigInteger),
    sa.Column("unit_price", money(12)),
    sa.Column("total_amount", money(12)),
    sa.Column("reference", sa.String(100)),
    sa.Column("description", sa.String(255)),
    sa.Column("created_at", sa.TIMESTAMP, **now),
    sa.Index("ix_credit_transactions_reference", "reference"),
)
sa.Table(
    "payment_debug_log",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("transaction_id", sa.String(255), nullable=False),
    sa.Column("category", sa.String(100), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("details", sa.Text().with_variant(mysql.JSON(), "mysql")),
    sa.Column("created_at", sa.TIMESTAMP, **now),
    sa.Index("ix_payment_debug_log_transaction_id", "transaction_id"),
    sa.Index("ix_payment_debug_log_category", "category"),
    sa.Index("ix_payment_debug_log_created_at", "created_at"),
)


def upgrade():
    connection = op.get_bind()
    there = set(sa.inspect(connection).get_table_names())
    if connection.dialect.name == "mysql":
        with adoption.zero_dates_allowed(connection):
            adopt(connection, there)
    for table in metadata.sorted_tables:
        table.create(connection, checkfirst=True)
        adoption.adopt_indexes(connection, table)


def adopt(connection, there):
    for table in metadata.sorted_tables:
        if table.name in there:
            columns.adopt_columns(connection, table)
    adoption.merge_doubled_rows(connection, there)
    adoption.move_doubled_payments(connection, there)


def downgrade():
    """Leaves the tables: their rows may be older than we are."""
