"""`rejesha quarantine …`: callbacks that could not become payments. There may be money in them."""

from pathlib import Path
from typing import Annotated

import typer
from rejesha.billing.v1.payment_service_pb2 import (
    GetQuarantinedCallbackRequest,
    ListQuarantinedCallbacksRequest,
    QuarantinedCallback,
    QuarantineState,
    ResolveQuarantinedCallbackRequest,
)
from rich.text import Text

from rejesha_cli.channels import Channels
from rejesha_cli.context import AsJson, By, Limit, connections, word_of
from rejesha_cli.errors import CommandFailed, GatewayRefused
from rejesha_cli.pages import read_pages
from rejesha_cli.records import record
from rejesha_cli.tables import Column, clean, moment, print_json, remark, say, show, show_list, show_record, state

app = typer.Typer(no_args_is_help=True, help="Callbacks that could not become payments.")

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

CallbackId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The callback's id.")]
State = Annotated[
    int | None,
    typer.Option(parser=word_of(QuarantineState.DESCRIPTOR), metavar="STATE", help="open, replayed or dismissed."),
]


@app.command("list")
def list_callbacks(ctx: typer.Context, state: State = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List quarantined callbacks, newest first."""
    payments = connections(ctx).channels.payments

    def fetch(size: int, token: str) -> object:
        wanted = QuarantineState.ValueType(state or 0)
        return payments.ListQuarantinedCallbacks(
            ListQuarantinedCallbacksRequest(state=wanted, page_size=size, page_token=token)
        )

    show_list("callbacks", COLUMNS, read_pages(fetch, "callbacks", limit), as_json=as_json)


@app.command("show")
def show_callback(ctx: typer.Context, callback_id: CallbackId, as_json: AsJson = False) -> None:
    """Show a quarantined callback with its body."""
    callback = _get(connections(ctx).channels, callback_id)
    if as_json:
        print_json(record(callback))
        return
    show_record(f"Callback {callback_id}", COLUMNS, record(callback))
    show(Text("\nBody", style="bold"))
    for line in record(callback)["callback_body"].splitlines():
        show(Text(clean(line)))


@app.command("replay")
def replay(
    ctx: typer.Context,
    callback_id: CallbackId,
    body: Annotated[Path | None, typer.Option(help="A mended body to read in place of the kept one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a callback again, as it is or mended; it is closed when it becomes a payment."""
    answer = connections(ctx).gateway.replay(callback_id, _mended(body))
    if answer.outcome in _STILL_OPEN:
        spaced = answer.outcome.replace("_", " ")
        raise GatewayRefused(f"callback {callback_id} stays open, no payment came of it: {spaced}.")
    if as_json:
        print_json(answer.document)
    else:
        say(f"Callback {callback_id} is now the payment {answer.trans_id}: {answer.outcome.replace('_', ' ')}.")
        remark(f"`rejesha payment show {answer.trans_id}` tells how it goes on.")


@app.command("dismiss")
def dismiss(
    ctx: typer.Context,
    callback_id: CallbackId,
    note: Annotated[str, typer.Option(help="Why there is no money in it.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Set a callback aside for good."""
    request = ResolveQuarantinedCallbackRequest(callback_id=callback_id, note=f"{by}: {note}")
    closed = connections(ctx).channels.payments.ResolveQuarantinedCallback(request).callback
    if as_json:
        print_json(record(closed))
    else:
        say(f"Callback {callback_id} is dismissed.")


def _get(channels: Channels, callback_id: int) -> QuarantinedCallback:
    return channels.payments.GetQuarantinedCallback(GetQuarantinedCallbackRequest(callback_id=callback_id)).callback


def _mended(body: Path | None) -> bytes:
    try:
        return body.read_bytes() if body else b""
    except OSError as error:
        raise CommandFailed(f"{body} cannot be read: {error.strerror}.") from error
