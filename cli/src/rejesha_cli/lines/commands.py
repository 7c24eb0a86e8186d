"""`rejesha line …`: whether a customer's line is to be on, until when, and why; and what staff change of that."""

from typing import TYPE_CHECKING

import click
from rejesha.billing.v1 import line_service_pb2 as pb

from rejesha_cli.changes import with_reason
from rejesha_cli.context import Connections, with_author, with_connections, with_csv, with_json
from rejesha_cli.lines import views
from rejesha_cli.lines.checking import check
from rejesha_cli.records import read_pages
from rejesha_cli.tables import Column, show_list

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAN = (
    Column("Account", "account_name"), Column("Name", "full_name"), Column("Paid until", "due_date"),
    Column("Would be", "wanted"), Column("Why", "reason"),
)  # fmt: skip


def _with_change(command: "Callable[..., None]") -> "Callable[..., None]":
    """ACCOUNT, --reason, --by, --json."""
    command = with_reason(with_author(with_json(with_connections(command))))
    return click.argument("account")(command)


@click.group(help="Lines: on or off, until when, and why.")
def line() -> None:
    """Only holds its commands."""


line.add_command(check)


@line.command("show")
@click.argument("account")
@with_json
@with_connections
def show(connected: Connections, account: str, *, as_json: bool) -> None:
    """Show all that is known of a customer's line."""
    found = connected.channels.lines.GetLine(pb.GetLineRequest(owner=_owner(account)))
    views.show(found.line, as_json=as_json)


@line.command("pause")
@_with_change
def pause(connected: Connections, account: str, reason: str, by: str, *, as_json: bool) -> None:
    """Keep a line off until the customer is back; the days that are paid for are kept."""
    _hold(connected, account, pb.LINE_REASON_PAUSED, reason, by, as_json=as_json)


@line.command("cut")
@_with_change
def cut(connected: Connections, account: str, reason: str, by: str, *, as_json: bool) -> None:
    """Keep a line off for another reason than money, until it is restored; the days go by."""
    _hold(connected, account, pb.LINE_REASON_BY_STAFF, reason, by, as_json=as_json)


def _hold(
    connected: Connections, account: str, why: "pb.LineReason.ValueType", reason: str, by: str, *, as_json: bool
) -> None:
    wanted = pb.HoldLineRequest(owner=_owner(account), reason=why, actor=by, note=reason)
    views.show(connected.channels.lines.HoldLine(wanted).line, as_json=as_json)


def _release(connected: Connections, account: str, reason: str, by: str, *, as_json: bool) -> None:
    wanted = pb.ReleaseLineRequest(owner=_owner(account), actor=by, note=reason)
    views.show(connected.channels.lines.ReleaseLine(wanted).line, as_json=as_json)


@line.command("resume")
@_with_change
def resume(connected: Connections, account: str, reason: str, by: str, *, as_json: bool) -> None:
    """End a pause: the line is on again, as many days later as it was paused."""
    _release(connected, account, reason, by, as_json=as_json)


@line.command("restore")
@_with_change
def restore(connected: Connections, account: str, reason: str, by: str, *, as_json: bool) -> None:
    """End a cut by staff: the line is on again while it is paid for."""
    _release(connected, account, reason, by, as_json=as_json)


@line.command("extend")
@click.option("--days", type=click.IntRange(1, 366), required=True, help="How many.")
@_with_change
def extend(connected: Connections, account: str, days: int, reason: str, by: str, *, as_json: bool) -> None:
    """Give a customer days, from the due date on, or from today where that is over."""
    wanted = pb.ExtendLineRequest(owner=_owner(account), days=days, actor=by, note=reason)
    views.show(connected.channels.lines.ExtendLine(wanted).line, as_json=as_json)


@line.command("fix")
@click.argument("account")
@with_json
@with_connections
def fix(connected: Connections, account: str, *, as_json: bool) -> None:
    """Have the router asked once more for what is wanted of a line."""
    views.show(connected.channels.lines.FixLine(pb.FixLineRequest(owner=_owner(account))).line, as_json=as_json)


@line.command("plan")
@click.option("--limit", default=100, show_default=True, help="At most so many.")
@with_csv
@with_json
@with_connections
def plan(connected: Connections, limit: int, *, as_json: bool, as_csv: bool) -> None:
    """Show whom a sweep would switch now: what REJESHA_LINES=manage would do first."""

    def fetch(size: int, token: str) -> object:
        return connected.channels.lines.ListSwitches(pb.ListSwitchesRequest(page_size=size, page_token=token))

    show_list("switches", _PLAN, read_pages(fetch, "switches", limit), as_json=as_json, as_csv=as_csv)


def _owner(account: str) -> pb.LineOwner:
    return pb.LineOwner(account_name=account)
