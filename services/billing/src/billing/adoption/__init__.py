"""Adopts a database of the predecessor: its rows stay, what our promise needs is added.

Called before the migrations, by them, and by `migrate --check`; by nothing else. Each step looks before it acts and may
be run again after it was cut off. MySQL and MariaDB only, but for `indexes`: the predecessor knew nothing else.
"""

import sqlalchemy as sa
from servicekit.migrate import version_table
from servicekit.schema import rights, snapshot
from servicekit.schema.adoption import Adoption, Known
from servicekit.schema.findings import Findings
from servicekit.schema.snapshot import Schema
from sqlalchemy import Connection

from billing.adoption import doubled, rows, transfers
from billing.adoption.predecessor import MISNAMED_CREDITS, metadata
from billing.schema import ledger_transfers

# What the migrations make, and columns that tell it from a table of the ISP's own.
_OWN = {
    "payment_deliveries": ("trans_id", "conflicting", "content", "callback_body"),
    "wallet_entries": ("isp_id", "trans_id", "kind", "balance_after"),
    "ledger_transfers": ("transfer_key", "kind", "from_account", "to_account"),
    "tasks": ("kind", "trans_id", "payload", "fencing_token", "due_time"),
    "quarantine": ("callback_body", "truncated", "fault", "source_address"),
    "router_names": ("router_id", "name"),
    "account_changes": ("noun", "field", "old_value", "new_value"),
    "line_policies": ("noun", "noun_id", "field", "value"),
    "notice_tallies": ("topic", "recipient", "held_back", "digest_id"),
    "line_packages": ("isp_id", "name", "price", "period", "profile"),
    "bulks": ("token_key", "plan", "state", "actor"),
    "router_checks": ("router_id", "check_time"),
    "unsettled_policies": ("noun_id", "fields", "after_id"),
    "bulk_customers": ("bulk_id", "customer_id", "old_value", "new_value"),
    "reminders": ("due_date", "day_offset", "customer_id"),
    version_table("billing"): ("version_num",),
}
_KEPT: Known = {MISNAMED_CREDITS: (), **{once.beside: ("id", once.column) for once in doubled.ONCE}}


def _look_at_rows(connection: Connection, schema: Schema) -> Findings:
    held = rights.read(connection)
    found = rows.look(connection, schema)
    for once in doubled.ONCE:
        if schema.has(once.table, once.column):
            found += doubled.look(connection, schema, held, once)
    return found


_adoption = Adoption(metadata, _OWN, _KEPT, _look_at_rows)
inspect = _adoption.inspect


def prepare(connection: Connection) -> None:
    """Make the tables that are there what the migrations expect. Raises Refused before anything is changed."""
    _adoption.prepare(connection)
    if connection.dialect.name == "mysql":
        schema = snapshot.read(connection)
        for once in doubled.ONCE:
            if once.table in schema.tables:
                doubled.set_aside(connection, schema, once)
    if sa.inspect(connection).has_table(ledger_transfers.name):
        transfers.of_payments(connection)
