"""What billing's run-time user may do with which table: what the statements of the stores need, and no more.

SELECT stands everywhere, as the self-test reads each table's definition. A read that locks needs UPDATE.
"""

from servicekit.schema.grants import ADD, CHANGE

WANTED = {
    "isps": CHANGE,
    "pppoe_users": CHANGE,
    "paybill_payments": CHANGE,
    "user_transactions_in": ADD,
    "isp_wallet": CHANGE,
    "isp_credits": CHANGE,
    "credit_transactions": ADD,
    "payment_debug_log": ADD,
    "payment_deliveries": ADD,
    "ledger_transfers": ADD,
    "tasks": CHANGE,
    "router_names": CHANGE,
    "notice_tallies": CHANGE,
    "quarantine": CHANGE,
    "account_changes": ADD,
}
