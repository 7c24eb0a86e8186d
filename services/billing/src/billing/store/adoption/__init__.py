"""Adopts a database of the predecessor: its rows stay, what our promise needs is added.

Called before the migrations, by them, and by `migrate --check`; by nothing else. Each step looks before it acts and may
be run again after it was cut off. MySQL and MariaDB only, but for `indexes`: the predecessor knew nothing else.
"""

import structlog
from servicekit.migrate import version_table
from servicekit.schema import adoption, rights, snapshot
from servicekit.schema.findings import Findings, Refused
from servicekit.schema.snapshot import Schema
from servicekit.schema.tables import Fit
from sqlalchemy import Connection

from billing.store.adoption import doubled, rows
from billing.store.adoption.predecessor import MISNAMED_CREDITS, metadata

log = structlog.get_logger()

# What the migrations make, and columns that tell it from a table of the ISP's own.
_OWN = {
    "payment_deliveries": ("trans_id", "conflicting", "content", "callback_body"),
    "wallet_entries": ("isp_id", "trans_id", "kind", "balance_after"),
    "tasks": ("kind", "trans_id", "payload", "epoch", "due_at"),
    "quarantine": ("callback_body", "truncated", "fault", "source_address"),
    "notice_tallies": ("topic", "recipient", "held_back", "digest_id"),
    version_table("billing"): ("version_num",),
}
_KEPT: adoption.Known = {MISNAMED_CREDITS: (), **{once.beside: ("id", once.column) for once in doubled.ONCE}}


def inspect(connection: Connection) -> Findings:
    """What stands in the way of a migration, and what it will do. Changes nothing."""
    if connection.dialect.name != "mysql":
        return Findings()
    schema = snapshot.read(connection)
    return _look(connection, schema, _fits(connection, schema))


def prepare(connection: Connection) -> None:
    """Make the tables that are there what the migrations expect. Raises Refused before anything is changed."""
    if connection.dialect.name != "mysql":
        return
    schema = snapshot.read(connection)
    fits = _fits(connection, schema)
    findings = _look(connection, schema, fits)
    if findings.obstacles:
        raise Refused(findings)
    for warning in findings.warnings:
        log.warning("adoption_warning", warning=warning)
    connection.commit()
    adoption.alter(connection, fits)
    _merge(connection, snapshot.read(connection))


def _fits(connection: Connection, schema: Schema) -> list[Fit]:
    return adoption.fits(connection, schema, metadata, _OWN, _KEPT)


def _look(connection: Connection, schema: Schema, fits: list[Fit]) -> Findings:
    found = adoption.look(connection, schema, fits)
    held = rights.read(connection)
    if held.missing(schema.name, "*", ["SELECT"]):
        return found
    for once in doubled.ONCE:
        if schema.has(once.table, once.column):
            found += doubled.look(connection, schema, held, once)
    return found + rows.look(connection, schema)


def _merge(connection: Connection, schema: Schema) -> None:
    for once in doubled.ONCE:
        if once.table in schema.tables:
            doubled.set_aside(connection, schema, once)
