"""Billing's tables. The first part is the predecessor's, name by name, with our columns marked; the rest is ours.

Money is integer cents in Python and in SQLite, DECIMAL(…, 2) in MySQL; see columns. How the tables come to be, or are
adopted, is the migrations' business.
"""

import sqlalchemy as sa
from servicekit.moments import UtcDateTime

from billing.columns import BigId, Cents, Day, Timestamp, Word, key

metadata = sa.MetaData()

# --- the predecessor's tables ---------------------------------------------------------------------------------

isps = sa.Table(
    "isps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255)),
    sa.Column("smsaccount", sa.String(100)),
    sa.Column("waaccount", sa.String(100)),
    sa.Column("pay_account_number", sa.String(100)),
    sa.Column("contact_phone", sa.String(20)),
    sa.Column("closed_at", Timestamp),  # ours; NULL: it is not closed
    key("sms_key", "smsaccount"),
    key("wa_key", "waaccount"),
    key("pay_key", "pay_account_number"),
)

pppoe_users = sa.Table(
    "pppoe_users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(255)),
    sa.Column("username", sa.String(100)),
    sa.Column("account_name", sa.String(100)),
    sa.Column("amount", Cents()),
    sa.Column("router_id", sa.Integer),
    sa.Column("isp_id", sa.Integer),
    sa.Column("status", sa.String(20)),  # 'active' or 'inactive'; an ENUM in MySQL
    sa.Column("next_payment_date", Day),
    sa.Column("phone", sa.String(20)),
    sa.Column("created_at", Timestamp),
    sa.Column("last_reconnected_at", Timestamp),
    sa.Column("closed_at", Timestamp),  # ours; NULL: the account is not closed
    sa.Column("due_day", sa.Integer),  # ours: see payees.rules.Customer
    # Ours: what is wanted of the line, and what its router was last known to hold. NULL: not known.
    sa.Column("line_wanted", Word),
    sa.Column("line_reason", Word),
    sa.Column("line_version", sa.Integer),
    sa.Column("line_hold", Word),  # why it is off though paid for: paused, or by_staff
    sa.Column("line_hold_since", Day),
    sa.Column("line_reported", Word),
    sa.Column("line_reported_version", sa.Integer),
    sa.Column("line_report_time", Timestamp),
    # Ours: see payees.rules.Customer; a period as packages.rules reads it. NULL: none, a month.
    sa.Column("line_paid_package", Word),
    sa.Column("line_period", Word),
    sa.Column("line_package", Word),
    sa.Column("line_package_day", Day),
    key("account_key", "account_name"),
)

paybill_payments = sa.Table(
    "paybill_payments",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("TransactionType", sa.String(50)),
    sa.Column("TransID", sa.String(100)),
    sa.Column("TransTime", sa.String(50)),
    sa.Column("TransAmount", Cents()),
    sa.Column("BusinessShortCode", sa.String(50)),
    sa.Column("BillRefNumber", sa.String(100)),
    sa.Column("InvoiceNumber", sa.String(100)),
    sa.Column("OrgAccountBalance", Cents(16)),
    sa.Column("ThirdPartyTransID", sa.String(100)),
    sa.Column("MSISDN", sa.String(100)),
    sa.Column("FirstName", sa.String(100)),
    sa.Column("received_at", Timestamp),
    # Ours. NULL in a row that the predecessor wrote.
    sa.Column("outcome", Word),
    sa.Column("unmatched_reason", Word),
    sa.Column("isp_id", sa.Integer),
    sa.Column("customer_id", sa.Integer),
    sa.Column("assigned_reference", sa.String(100)),
    # Generated and unique: the TransID without white space, in upper case. What we store is so already.
    sa.Column("trans_key", sa.String(255), sa.Computed("TransID"), unique=True),
)

user_transactions_in = sa.Table(
    "user_transactions_in",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("pppoe_user_id", sa.Integer, key="customer_id"),
    sa.Column("amount", Cents()),
    sa.Column("method", sa.String(50)),
    sa.Column("reference", sa.String(100)),
    sa.Column("received_at", Timestamp),
)

isp_wallet = sa.Table(
    "isp_wallet",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer, unique=True),
    sa.Column("balance", Cents(18)),
    sa.Column("last_updated", Timestamp),
)

isp_credits = sa.Table(
    "isp_credits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer, unique=True),
    sa.Column("sms_credits", sa.BigInteger),
    sa.Column("whatsapp_credits", sa.BigInteger),
)

credit_transactions = sa.Table(
    "credit_transactions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer),
    sa.Column("transaction_type", sa.String(20)),
    sa.Column("credit_type", sa.String(20)),
    sa.Column("amount", sa.BigInteger),
    sa.Column("unit_price", Cents()),
    sa.Column("total_amount", Cents()),
    sa.Column("reference", sa.String(100)),
    sa.Column("description", sa.String(255)),
    sa.Column("created_at", Timestamp),
)

payment_debug_log = sa.Table(
    "payment_debug_log",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("transaction_id", sa.String(255), nullable=False),
    sa.Column("category", sa.String(100), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("details", sa.Text),  # JSON in MySQL; we write and read its text
    sa.Column("created_at", Timestamp),
    sa.Column("create_time", UtcDateTime),  # ours: MySQL rounds created_at to whole seconds, up or down
)

# --- ours -----------------------------------------------------------------------------------------------------

# The raw callbacks: the delivery that was applied, then each one that contradicts it.
payment_deliveries = sa.Table(
    "payment_deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("conflicting", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("content", sa.String(255), nullable=False),
    sa.Column("callback_body", sa.LargeBinary(65536), nullable=False),
    sa.Column("source_address", sa.String(64), nullable=False),
    sa.Column("receive_time", UtcDateTime, nullable=False),
    sa.Index("ix_payment_deliveries_trans_id", "trans_id"),
)

# Append-only: what comes into an account less what leaves it is its balance; for a wallet isp_wallet has the sum.
ledger_transfers = sa.Table(
    "ledger_transfers",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "transfer_key", sa.String(120), nullable=False
    ),  # the TransID, and the transfer's place among that payment's
    sa.Column("trans_id", sa.String(100), nullable=False),  # "" for an opening balance
    sa.Column("kind", Word, nullable=False),
    sa.Column("from_account", sa.String(64), nullable=False),
    sa.Column("to_account", sa.String(64), nullable=False),
    sa.Column("amount", Cents(18), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    # A second guard beside the payment's unique key: no payment can reach a wallet twice.
    sa.UniqueConstraint("transfer_key", name="uq_ledger_transfers_transfer_key"),
    sa.Index("ix_ledger_transfers_from_account", "from_account"),
    sa.Index("ix_ledger_transfers_to_account", "to_account"),
)

# The transactional outbox. From `due_time` on a task may be leased if nobody holds a lease on it; a lease that expires
# frees it by itself.
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", Word, nullable=False),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("customer_id", sa.Integer),
    sa.Column("router_id", sa.Integer),
    sa.Column("line_wanted", Word),  # of a line: see rules.Line; NULL: on
    sa.Column("line_version", sa.Integer),
    sa.Column("variant", Word),  # of a message task: which of its event's texts is true now
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", Word, nullable=False),
    sa.Column("fencing_token", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),  # that were reported on, whatever came out
    sa.Column("failures", sa.Integer, nullable=False),  # in a row
    sa.Column("due_time", UtcDateTime, nullable=False),
    sa.Column("leased_by", sa.String(100)),  # NULL: not leased
    sa.Column("lease_expire_time", UtcDateTime),
    sa.Column("expire_time", UtcDateTime, nullable=False),
    sa.Column("last_error", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("end_time", UtcDateTime),
    # The router is in it so that those who are busy are passed by without a look at their tasks' rows.
    sa.Index("ix_tasks_kind_state_due_time_router_id", "kind", "state", "due_time", "router_id"),
    sa.Index("ix_tasks_trans_id", "trans_id"),
    sa.Index("ix_tasks_router_id_state_due_time", "router_id", "state", "due_time"),
)

# What reports called the routers, for messages; router-control's registry is its own.
router_names = sa.Table(
    "router_names",
    metadata,
    sa.Column("router_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
)

# Append-only: what operators changed on ISPs and customers, field by field.
account_changes = sa.Table(
    "account_changes",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("noun", Word, nullable=False),
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("field", Word, nullable=False),
    sa.Column("old_value", sa.String(255), nullable=False),
    sa.Column("new_value", sa.String(255), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Index("ix_account_changes_noun_noun_id", "noun", "noun_id"),
)

# What ISPs decided on their customers' lines, and on single customers' besides: a row for each field that is set.
line_policies = sa.Table(
    "line_policies",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("noun", Word, nullable=False),  # "isp" or "customer"
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("field", Word, nullable=False),
    sa.Column("value", sa.String(255), nullable=False),  # see policies.fields
    sa.UniqueConstraint("noun", "noun_id", "field", name="uq_line_policies_noun_noun_id_field"),
)

# Who was reminded of which due date, so many days after it (before it, where that is negative).
reminders = sa.Table(
    "reminders",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("due_date", sa.Date, nullable=False),
    sa.Column("day_offset", sa.Integer, nullable=False),
    sa.Column("customer_id", sa.Integer, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.UniqueConstraint("due_date", "day_offset", "customer_id", name="uq_reminders_due_date_day_offset_customer_id"),
)

# How many messages of a topic a recipient was sent since a moment; see notices.throttle.
notice_tallies = sa.Table(
    "notice_tallies",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("topic", Word, nullable=False),
    sa.Column("recipient", Word, nullable=False),  # "admins", or the last nine digits of a number
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("held_back", sa.Integer, nullable=False),
    sa.Column("held_back_cents", Cents(18), nullable=False),
    sa.Column("digest_id", sa.BigInteger),  # the task that will tell what was held back
    sa.UniqueConstraint("topic", "recipient", name="uq_notice_tallies_topic_recipient"),
)

# Callbacks that could not become payments.
quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("callback_body", sa.LargeBinary(65536), nullable=False),
    sa.Column("truncated", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("fault", sa.String(255), nullable=False),
    sa.Column("source_address", sa.String(64), nullable=False),
    sa.Column("state", Word, nullable=False),
    sa.Column("trans_id", sa.String(100), nullable=False),
    sa.Column("note", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
    sa.UniqueConstraint("idempotency_key", name="uq_quarantine_idempotency_key"),
    sa.Index("ix_quarantine_state", "state"),
)
