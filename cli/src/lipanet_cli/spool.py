"""`lipanet spool`: what waits on the gateway's disk until billing can take it."""

from datetime import datetime
from typing import Any

import typer
from rich.text import Text

from lipanet_cli.context import AsJson, connections
from lipanet_cli.records import local_time
from lipanet_cli.tables import Column, moment, plain, print_json, remark, say, show_record, show_table, state

_CALM = {"ok", "draining"}


def _local(value: Any) -> Text:
    return moment(local_time(datetime.fromisoformat(value)) if value else None)


def _what(value: Any) -> Text:
    return plain(value or "a payment")


STATE_COLUMNS = (
    Column("State", "state", state),
    Column("Billing", "billing", state),
    Column("Waiting", "waiting"),
    Column("Oldest", "oldest", _local),
    Column("Bytes on disk", "bytes"),
    Column("Laid aside (folder rejected)", "rejected"),
)
CALLBACK_COLUMNS = (
    Column("Received", "receivedAt", _local),
    Column("Payment", "transactionId"),
    Column("What it is", "fault", _what),
    Column("From", "sourceAddress"),
    Column("Bytes", "bytes"),
)


def spool(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what waits on the gateway's disk for billing. Exit code 1 when somebody must look at it."""
    found = connections(ctx).gateway.spool()
    calm = found.get("state") in _CALM and not found.get("rejected")
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
        raise typer.Exit(1)
