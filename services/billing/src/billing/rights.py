"""What billing's run-time user may do with which table: what the statements of the stores need, and no more.

Nothing that is money may be deleted.
SELECT stands everywhere, as the self-test reads each table's definition. A read that locks needs UPDATE.
"""

from servicekit.schema.grants import ADD, ALL, CHANGE

WANTED = {
    "isps": CHANGE,
    "pppoe_users": CHANGE,
    "paybill_payments": CHANGE,
    "user_transactions_in": ADD,
    "isp_wallet": CHANGE,
    "isp_credits": CHANGE,
    "credit_transactions": ADD,
    "payment_debug_log": (*ADD, "DELETE"),
    "payment_deliveries": (*ADD, "DELETE"),
    "ledger_transfers": ADD,
    "wallet_entries": ADD,  # of a billing of the release before, while services are replaced one by one
    "tasks": ALL,
    "router_names": CHANGE,
    "router_checks": CHANGE,
    "notice_tallies": ALL,
    "quarantine": ALL,
    "account_changes": CHANGE,
    "line_policies": ALL,
    "unsettled_policies": ALL,
    "reminders": ALL,
    "line_packages": CHANGE,
    "bulks": CHANGE,
    "bulk_customers": CHANGE,
}
