"""`rejesha spool`: what waits on the gateway's disk until billing can take it."""

from datetime import datetime
from typing import Any

import click
from rich.text import Text

from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.records import local_time
from rejesha_cli.tables import Column, moment, plain, print_json, remark, say, show_record, show_table, state


def _local(value: Any) -> Text:
    return moment(local_time(datetime.fromisoformat(value)) if value else None)


def _what(value: Any) -> Text:
    return plain(value or "a payment")


# Of what GET /spool and GET /health tell.
STATE_COLUMNS = (
    Column("State", "state", state),
    Column("Billing", "billing", state),
    Column("Why callbacks wait", "cause"),
    Column("Waiting", "waiting"),
    Column("Of those put off", "deferred"),
    Column("Since", "oldest", _local),
    Column("Bytes on disk", "bytes"),
    Column("Taken by nobody (tried again at the next start)", "rejected"),
)
CALLBACK_COLUMNS = (
    Column("Received", "receiveTime", _local),
    Column("State", "state", state),
    Column("Payment", "transactionId"),
    Column("What it is", "fault", _what),
    Column("From", "sourceAddress"),
    Column("Bytes", "bytes"),
)


@click.command
@with_json
@with_connections
def spool(connected: Connections, as_json: bool) -> None:
    """Show what waits on the gateway's disk for billing, and why. Exit code 1 while anything does."""
    found = connected.gateway.spool()
    calm = found.get("state") == "ok" and not (found.get("waiting") or found.get("rejected"))
    if as_json:
        print_json(found)
    else:
        show_record("Spool", STATE_COLUMNS, found)
        callbacks = found.get("callbacks") or []
        if callbacks:
            show_table("Oldest callbacks", CALLBACK_COLUMNS, callbacks)
        else:
            say("No callback waits.")
        if found.get("waiting", 0) > len(callbacks):
            remark("More wait behind these.")
    if not calm:
        raise click.exceptions.Exit(1)
