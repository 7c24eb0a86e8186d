"""`rejesha bulk …`: the same change for many customers: seen first, applied as seen, undone in one go."""

import time
from collections.abc import Callable
from typing import Any

import click
from rejesha.billing.v1 import bulk_service_pb2 as pb

from rejesha_cli.bulk import views
from rejesha_cli.changes import with_reason
from rejesha_cli.context import (
    Connections,
    ReadAs,
    with_author,
    with_connections,
    with_csv,
    with_json,
    with_limit,
)
from rejesha_cli.money import parse_cents
from rejesha_cli.names import Names
from rejesha_cli.records import read_pages

_KES = ReadAs("KES", parse_cents)
_PAID = {None: pb.BULK_PAID_UNSPECIFIED, True: pb.BULK_PAID_PAID, False: pb.BULK_PAID_UNPAID}
# Where payments hold all customers who are left.
_PAUSE_SECONDS = 0.5


@click.group(help="The same change for many customers: seen first, undone in one go.")
def bulk() -> None:
    """Only holds its commands."""


@bulk.command("preview")
@click.option("--isp", default="", help="Only this ISP's, by id or name.")
@click.option("--router", default="", help="Only those on this router, by id or name.")
@click.option("--package", type=_KES, default=0, help="Only those whose package has this price.")
@click.option("--paid/--unpaid", default=None, help="Only those whose paid time is not over, or is.")
@click.option("--due-from", default="", metavar="DAY", help="Only those due on this day or later.")
@click.option("--due-until", default="", metavar="DAY", help="Only those due on this day or earlier.")
@click.option("--extend", type=click.IntRange(1, 366), metavar="DAYS", help="Give so many days.")
@click.option("--price", type=_KES, help="Give the package another price; with --isp and --package, the old one.")
@click.option("--message", metavar="TEXT", help="Tell them; {name}, {account}, {amount}, {due_date} are filled in.")
@click.option("--suspend", is_flag=True, default=None, help="Cut their lines, whoever has paid.")
@with_json
@with_connections
def preview(connected: Connections, /, isp: str, router: str, as_json: bool, **told: Any) -> None:
    """Show whom a change would meet, and the token with which `bulk apply` makes it."""
    if sum(told[one] is not None for one in ("extend", "price", "message", "suspend")) != 1:
        raise click.UsageError("Say what is to be done: --extend DAYS, --price KES, --message TEXT or --suspend.")
    names = Names(connected.channels)
    plan = pb.BulkPlan(
        isp_id=names.isp_id(isp) if isp else 0,
        router_id=names.router_id(router) if router else 0,
        package_cents=told["package"],
        paid=_PAID[told["paid"]],
        due_from=told["due_from"],
        due_until=told["due_until"],
        extend_days=told["extend"],
        price_cents=told["price"],
        message=told["message"],
        suspension=pb.BulkSuspension() if told["suspend"] else None,
    )
    views.show_preview(connected.channels.bulks.PreviewBulk(pb.PreviewBulkRequest(plan=plan)), as_json=as_json)


@bulk.command("apply")
@click.argument("token")
@with_reason
@with_author
@with_json
@with_connections
def apply(connected: Connections, token: str, reason: str, by: str, *, as_json: bool) -> None:
    """Make the change that a preview showed. One that was cut off is finished by the same command."""
    request = pb.ApplyBulkRequest(token=token, actor=by, reason=reason)
    made = _until(pb.BULK_STATE_APPLIED, lambda: connected.channels.bulks.ApplyBulk(request).bulk)
    views.show(made, as_json=as_json)


@bulk.command("undo")
@click.argument("bulk_id", type=int)
@with_reason
@with_author
@with_json
@with_connections
def undo(connected: Connections, bulk_id: int, reason: str, by: str, *, as_json: bool) -> None:
    """Put back all who are still as the bulk left them, withdraw what was not sent, and name the others."""
    request = pb.UndoBulkRequest(bulk_id=bulk_id, actor=by, reason=reason)
    views.show(_until(pb.BULK_STATE_UNDONE, lambda: connected.channels.bulks.UndoBulk(request).bulk), as_json=as_json)


@bulk.command("show")
@click.argument("bulk_id", type=int)
@with_json
@with_connections
def show(connected: Connections, bulk_id: int, *, as_json: bool) -> None:
    """Show how far a bulk is, and who was not changed or not put back."""
    views.show(connected.channels.bulks.GetBulk(pb.GetBulkRequest(bulk_id=bulk_id)).bulk, as_json=as_json)


@bulk.command("list")
@with_limit
@with_csv
@with_json
@with_connections
def list_bulks(connected: Connections, *, limit: int, as_json: bool, as_csv: bool) -> None:
    """List what was changed for many, by whom and why, newest first."""

    def fetch(size: int, token: str) -> pb.ListBulksResponse:
        return connected.channels.bulks.ListBulks(pb.ListBulksRequest(page_size=size, page_token=token))

    views.show_list(read_pages(fetch, "bulks", limit), as_json=as_json, as_csv=as_csv)


def _until(state: "pb.BulkState.ValueType", step: Callable[[], pb.Bulk]) -> pb.Bulk:
    """Take steps until that state; a pause after one that came no further."""
    before, one = None, step()
    while one.state != state:
        if one == before:
            time.sleep(_PAUSE_SECONDS)
        before, one = one, step()
    return one
