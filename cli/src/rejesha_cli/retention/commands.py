"""`rejesha purge`: deletes what is old and no money, in small bites beside the load."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rejesha.billing.v1.retention_service_pb2 import PurgeRecordsRequest, RecordKind
from rejesha.notify.v1.notify_service_pb2 import PurgeMessagesRequest

from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.records import local_time
from rejesha_cli.tables import Column, moment, print_json, show_table

COLUMNS = (
    Column("What", "what"),
    Column("Older than", "before", moment),
    Column("Deleted", "deleted"),
)
# Between two bites: whoever pays meanwhile has the disk for himself.
_PAUSE_SECONDS = 0.05
# What there is, and how many days it is kept unless the operator says otherwise.
_KEPT = {"messages": 180, "log": 400, "tasks": 60, "callbacks": 180, "quarantine": 180}


def _with_days(command: Callable[..., Any]) -> Callable[..., Any]:
    for what, days in reversed(_KEPT.items()):
        kept = click.IntRange(min=7)
        command = click.option(
            f"--{what}", type=kept, default=days, show_default=True, metavar="DAYS", help=f"How long {what} are kept."
        )(command)
    return command


@click.command
@_with_days
@with_json
@with_connections
def purge(connected: Connections, /, *, as_json: bool, **days: int) -> None:
    """Delete messages, logs, ended tasks and raw callbacks that are old; money never.

    May run beside the load, be stopped, and be repeated.
    """
    done = []
    for what, kept in days.items():
        before = datetime.now(UTC) - timedelta(days=kept)
        deleted = _purge(_asking(connected, what, before))
        done.append({"what": what, "before": local_time(before), "deleted": deleted})
    if as_json:
        print_json({"purged": done})
    else:
        show_table("Deleted", COLUMNS, done)


def _asking(connected: Connections, what: str, before: datetime) -> Callable[[str], Any]:
    """Asks for the next bite, by the token of the one before."""
    channels = connected.channels
    if what == "messages":
        return lambda token: channels.messages.PurgeMessages(PurgeMessagesRequest(before=before, page_token=token))
    kind = RecordKind.Value(f"RECORD_KIND_{what.upper()}")
    return lambda token: channels.retention.PurgeRecords(
        PurgeRecordsRequest(kind=kind, before=before, page_token=token)
    )


def _purge(ask: Callable[[str], Any]) -> int:
    deleted: int = 0
    token = ""
    while True:
        bite = ask(token)
        deleted, token = deleted + bite.deleted, bite.next_page_token
        if not token:
            return deleted
        time.sleep(_PAUSE_SECONDS)
