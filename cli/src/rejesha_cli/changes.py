"""What was changed on an ISP or a customer: how it is asked for and shown, the same for both nouns."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from google.protobuf.field_mask_pb2 import FieldMask
from rejesha.billing.v1.account_service_pb2 import FieldChange, ListChangesRequest, UndoChangeRequest

from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, with_author, with_connections, with_dry_run, with_json
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import Column, moment, print_json, say, show_list, show_table

if TYPE_CHECKING:
    from rejesha.billing.v1.package_service_pb2 import PackageFieldChange
    from rejesha.billing.v1.policy_service_pb2 import PolicyChange

    AnyChanges = Iterable[FieldChange] | Iterable[PolicyChange] | Iterable[PackageFieldChange]

with_reason = click.option("--reason", default="", metavar="WHY", help="Why, for the log.")
COLUMNS = (Column("Field", "field"), Column("Was", "before"), Column("Is", "after"))
HISTORY = (
    Column("Change", "change_id"),
    Column("When", "create_time", moment),
    *COLUMNS,
    Column("By", "actor"),
    Column("Why", "reason"),
)


def with_how(command: Any) -> Any:
    """--reason, --by, --dry-run, --json."""
    return with_reason(with_author(with_dry_run(with_json(command))))


def mask(fields: Iterable[str]) -> FieldMask:
    return FieldMask(paths=list(fields))


def show(who: str, changes: "AnyChanges", *, dry_run: bool) -> None:
    """What was changed, or would be, for people."""
    records = [record(change) for change in changes]
    if not records:
        say(f"{who} is so already: nothing is changed.")
        return
    show_table(f"{who} {'would be' if dry_run else 'is'} changed", COLUMNS, records)
    if dry_run:
        say("Dry run: nothing was changed.")


def as_records(changes: "AnyChanges") -> list[dict[str, Any]]:
    return [record(change) for change in changes]


def show_history(channels: Channels, request: ListChangesRequest, limit: int, *, as_json: bool, as_csv: bool) -> None:
    """All that was changed, newest first."""

    def fetch(size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return channels.accounts.ListChanges(request)

    records, more = read_pages(fetch, "changes", limit)
    flat = [{**one.pop("change"), **one} for one in records]
    show_list("changes", HISTORY, (flat, more), as_json=as_json, as_csv=as_csv)


@click.command("undo")
@click.argument("change_id", type=click.IntRange(min=1))
@click.option("--reason", required=True, metavar="WHY", help="Why, for the log.")
@with_author
@with_json
@with_connections
def undo(connected: Connections, *, change_id: int, reason: str, by: str, as_json: bool) -> None:
    """Put what a change made back to what was before, with all that was changed together with it.

    CHANGE_ID is a number that `history` shows. What somebody, or a payment, has changed since is left as it is.
    """
    request = UndoChangeRequest(change_id=change_id, actor=by, reason=reason)
    undone = connected.channels.accounts.UndoChange(request)
    if as_json:
        print_json(record(undone))
        return
    who = f"ISP {undone.isp_id}" if undone.isp_id else f"Customer {undone.customer_id}"
    show(who, undone.changes, dry_run=False)
