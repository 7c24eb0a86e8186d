"""`rejesha quarantine …`: callbacks that could not become payments. There may be money in them."""

from pathlib import Path

import click
from rejesha.billing.v1.quarantine_service_pb2 import (
    GetQuarantinedCallbackRequest,
    ListQuarantinedCallbacksRequest,
    QuarantinedCallback,
    QuarantineState,
    ResolveQuarantinedCallbackRequest,
)
from rich.text import Text

from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, value_of, with_author, with_connections, with_csv, with_json, with_limit
from rejesha_cli.errors import CommandFailed, GatewayRefused
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import Column, clean, moment, print_json, remark, say, show, show_list, show_record, state

COLUMNS = (
    Column("Id", "callback_id"),
    Column("Kept", "create_time", moment),
    Column("State", "state", state),
    Column("What was wrong", "fault"),
    Column("From", "source_address"),
    Column("Cut", "truncated"),
    Column("Payment", "trans_id"),
    Column("Note", "note"),
)
# With these the callback is still nobody's payment.
_STILL_OPEN = {"conflict", "quarantined"}

STATE = value_of("STATE", QuarantineState.DESCRIPTOR)
with_callback_id = click.argument("callback_id", metavar="ID", type=click.IntRange(min=1))


@click.group(help="Callbacks that could not become payments.")
def quarantine() -> None:
    """Only holds its commands."""


@quarantine.command("list")
@click.option("--state", "wanted", type=STATE, default=0, help="open, replayed or dismissed.")
@with_limit
@with_csv
@with_json
@with_connections
def list_callbacks(
    connected: Connections, *, wanted: QuarantineState.ValueType, limit: int, as_json: bool, as_csv: bool
) -> None:
    """List quarantined callbacks, newest first."""
    service = connected.channels.quarantine

    def fetch(size: int, token: str) -> object:
        return service.ListQuarantinedCallbacks(
            ListQuarantinedCallbacksRequest(state=wanted, page_size=size, page_token=token)
        )

    show_list("callbacks", COLUMNS, read_pages(fetch, "callbacks", limit), as_json=as_json, as_csv=as_csv)


@quarantine.command("show")
@with_callback_id
@with_json
@with_connections
def show_callback(connected: Connections, callback_id: int, as_json: bool) -> None:
    """Show a quarantined callback with its body."""
    callback = _get(connected.channels, callback_id)
    if as_json:
        print_json(record(callback))
        return
    show_record(f"Callback {callback_id}", COLUMNS, record(callback))
    show(Text("\nBody", style="bold"))
    for line in record(callback)["callback_body"].splitlines():
        show(Text(clean(line)))


@quarantine.command("replay")
@with_callback_id
@click.option("--body", type=click.Path(path_type=Path), help="A mended body to read in place of the kept one.")
@with_json
@with_connections
def replay(connected: Connections, callback_id: int, body: Path | None, as_json: bool) -> None:
    """Read a callback again, as it is or mended; it is closed when it becomes a payment."""
    answer = connected.gateway.replay(callback_id, _mended(body))
    if answer.outcome in _STILL_OPEN:
        spaced = answer.outcome.replace("_", " ")
        raise GatewayRefused(f"callback {callback_id} stays open, no payment came of it: {spaced}.")
    if answer.outcome == "spooled":
        raise GatewayRefused(
            f"callback {callback_id} stays open: the payment waits in the gateway's spool until billing takes it;"
            " replay it again afterwards."
        )
    if as_json:
        print_json(answer.document)
    else:
        say(f"Callback {callback_id} is now the payment {answer.trans_id}: {answer.outcome.replace('_', ' ')}.")
        remark(f"`rejesha payment show {answer.trans_id}` tells how it goes on.")


@quarantine.command("dismiss")
@with_callback_id
@click.option("--note", required=True, help="Why there is no money in it.")
@with_author
@with_json
@with_connections
def dismiss(connected: Connections, callback_id: int, note: str, by: str, as_json: bool) -> None:
    """Close a callback for good, without a payment."""
    request = ResolveQuarantinedCallbackRequest(callback_id=callback_id, note=f"{by}: {note}")
    closed = connected.channels.quarantine.ResolveQuarantinedCallback(request).callback
    if as_json:
        print_json(record(closed))
    else:
        say(f"Callback {callback_id} is dismissed.")


def _get(channels: Channels, callback_id: int) -> QuarantinedCallback:
    return channels.quarantine.GetQuarantinedCallback(GetQuarantinedCallbackRequest(callback_id=callback_id)).callback


def _mended(body: Path | None) -> bytes:
    try:
        return body.read_bytes() if body else b""
    except OSError as error:
        raise CommandFailed(f"{body} cannot be read: {error.strerror}.") from error
