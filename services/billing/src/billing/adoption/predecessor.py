"""The predecessor's tables as we need them: created so where they are missing; what those that are there must become.

See servicekit.schema.tables for what stands in `info`. How the service's code sees them is in billing.schema.
"""

from typing import Any

import sqlalchemy as sa
from servicekit.schema.columns import EXACT, READABLE
from sqlalchemy.dialects import mysql

# What the predecessor's SMS branch took for `isp_credits`.
MISNAMED_CREDITS = "isp_credit"

now: dict[str, Any] = {"server_default": sa.text("CURRENT_TIMESTAMP")}
big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Of a column: we may write NULL there, or leave it out.
null: dict[str, Any] = {"info": {"null": True}}

# What people type is found in any case; what machines compare is compared exactly.
_IN_INNODB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}
_READ_BY_PEOPLE = _IN_INNODB | {"mysql_collate": READABLE}
_EXACT = _IN_INNODB | {"mysql_collate": EXACT}


def money(digits: int) -> "sa.types.TypeEngine[Any]":
    """Integer cents in SQLite; `digits` in MySQL leave room for sums that DECIMAL(10, 2) cannot hold."""
    return sa.BigInteger().with_variant(mysql.DECIMAL(digits, 2), "mysql")


def compared(name: str) -> str:
    """An account or a TransID as it is compared: without white space, in upper case. SQL."""
    bare = name
    for space in (" ", "\t", "\r", "\n", "\u00a0"):
        bare = f"replace({bare}, '{space}', '')"
    return f"upper({bare})"


def key(name: str, expression: str) -> "sa.Column[str]":
    """A generated column to find rows by. Longer than its source, so that no old row can fail to fit."""
    type_ = sa.String(255).with_variant(mysql.VARCHAR(255, charset="utf8mb4", collation=EXACT), "mysql")
    return sa.Column(name, type_, sa.Computed(expression, persisted=False))


metadata = sa.MetaData()

sa.Table(
    "isps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255)),
    sa.Column("smsaccount", sa.String(100), **null),
    sa.Column("waaccount", sa.String(100), **null),
    sa.Column("pay_account_number", sa.String(100), **null),
    sa.Column("contact_phone", sa.String(20), **null),
    sa.Column("closed_at", sa.TIMESTAMP, nullable=True, **null),
    key("sms_key", compared("smsaccount")),
    key("wa_key", compared("waaccount")),
    key("pay_key", compared("pay_account_number")),
    sa.Index("ix_isps_sms_key", "sms_key"),
    sa.Index("ix_isps_wa_key", "wa_key"),
    sa.Index("ix_isps_pay_key", "pay_key"),
    info={"ours": ("name",)},
    **_READ_BY_PEOPLE,
)
sa.Table(
    "pppoe_users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(255)),
    sa.Column("username", sa.String(100), **null),
    sa.Column("account_name", sa.String(100)),
    sa.Column("amount", money(12), **null),
    sa.Column("router_id", sa.Integer, **null),
    sa.Column("isp_id", sa.Integer, **null),
    sa.Column("status", sa.Enum("active", "inactive", create_constraint=False)),
    sa.Column("next_payment_date", sa.Date, **null),
    sa.Column("phone", sa.String(20), **null),
    sa.Column("created_at", sa.TIMESTAMP, **now),
    sa.Column("last_reconnected_at", sa.TIMESTAMP, nullable=True, **null),
    sa.Column("closed_at", sa.TIMESTAMP, nullable=True, **null),
    sa.Column("due_day", sa.Integer, **null),
    sa.Column("line_wanted", sa.String(30), **null),
    sa.Column("line_reason", sa.String(30), **null),
    sa.Column("line_version", sa.Integer, **null),
    sa.Column("line_hold", sa.String(30), **null),
    sa.Column("line_hold_since", sa.Date, **null),
    sa.Column("line_reported", sa.String(30), **null),
    sa.Column("line_reported_version", sa.Integer, **null),
    sa.Column("line_report_time", sa.TIMESTAMP, nullable=True, **null),
    sa.Column("line_paid_package", sa.String(30), **null),
    sa.Column("line_period", sa.String(30), **null),
    sa.Column("line_package", sa.String(30), **null),
    sa.Column("line_package_day", sa.Date, **null),
    key("account_key", compared("account_name")),
    sa.Index("ix_pppoe_users_account_key", "account_key"),
    sa.Index("ix_pppoe_users_phone", "phone"),
    sa.Index("ix_pppoe_users_next_payment_date", "next_payment_date"),
    sa.Index("ix_pppoe_users_username", "username"),
    info={"ours": ("account_name",)},
    **_READ_BY_PEOPLE,
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
    sa.Column("OrgAccountBalance", money(16), **null),
    sa.Column("ThirdPartyTransID", sa.String(100)),
    sa.Column("MSISDN", sa.String(100)),
    sa.Column("FirstName", sa.String(100)),
    sa.Column("received_at", sa.TIMESTAMP, **now),
    sa.Column("outcome", sa.String(30)),
    sa.Column("unmatched_reason", sa.String(30), **null),
    sa.Column("isp_id", sa.Integer, **null),
    sa.Column("customer_id", sa.Integer, **null),
    sa.Column("assigned_reference", sa.String(100), **null),
    # The predecessor stored TransIDs as they came: "TKE1 " and "tke1" are the payment TKE1. One without has no key.
    key("trans_key", f"nullif({compared('TransID')}, '')"),
    sa.Index("uq_paybill_payments_trans_key", "trans_key", unique=True),
    sa.Index("ix_paybill_payments_outcome", "outcome"),
    # What payments are looked for by; each ends with the id, by which they are listed.
    sa.Index("ix_paybill_payments_customer_id", "customer_id"),
    sa.Index("ix_paybill_payments_isp_id", "isp_id"),
    sa.Index("ix_paybill_payments_msisdn", "MSISDN"),
    sa.Index("ix_paybill_payments_received_at", "received_at"),
    info={"ours": ("TransID",), "identity": ("id", "TransID", "trans_key")},
    **_EXACT,
)
sa.Table(
    "user_transactions_in",
    metadata,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("pppoe_user_id", sa.Integer),
    sa.Column("amount", money(12)),
    sa.Column("method", sa.String(50), info={"words": ("mpesa",)}),
    sa.Column("reference", sa.String(100)),
    sa.Column("received_at", sa.TIMESTAMP, **now),
    info={"ours": ("reference",), "identity": ("id", "reference")},
    **_EXACT,
)
sa.Table(
    "isp_wallet",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("balance", money(18), server_default="0"),
    sa.Column("last_updated", sa.TIMESTAMP, **now),
    sa.Index("uq_isp_wallet_isp_id", "isp_id", unique=True),
    info={"ours": ("isp_id", "balance"), "identity": ("id", "isp_id")},
    **_EXACT,
)
sa.Table(
    "isp_credits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("sms_credits", sa.BigInteger, server_default="0"),
    sa.Column("whatsapp_credits", sa.BigInteger, server_default="0"),
    sa.Index("uq_isp_credits_isp_id", "isp_id", unique=True),
    info={"ours": ("isp_id",), "identity": ("id", "isp_id")},
    **_EXACT,
)
sa.Table(
    "credit_transactions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("transaction_type", sa.String(20), info={"words": ("purchase",)}),
    sa.Column("credit_type", sa.String(20), info={"words": ("sms", "whatsapp")}),
    sa.Column("amount", sa.BigInteger),
    sa.Column("unit_price", money(12)),
    sa.Column("total_amount", money(12)),
    sa.Column("reference", sa.String(100)),
    sa.Column("description", sa.String(255)),
    sa.Column("created_at", sa.TIMESTAMP, **now),
    sa.Index("ix_credit_transactions_reference", "reference"),
    info={"ours": ("reference",), "identity": ("id", "reference")},
    **_EXACT,
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
    sa.Column("create_time", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), **null),
    sa.Index("ix_payment_debug_log_transaction_id", "transaction_id"),
    sa.Index("ix_payment_debug_log_created_at", "created_at"),
    info={"ours": ("transaction_id", "category"), "identity": ("id",)},
    **_EXACT,
)
