"""`rejesha history`: who did what, when and why: on records, on payments, for many at once."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import ListChangesRequest
from rejesha.billing.v1.bulk_service_pb2 import ListBulksRequest
from rejesha.billing.v1.ledger_service_pb2 import ListTransfersRequest

from rejesha_cli.channels import Channels
from rejesha_cli.context import DAY, Connections, with_connections, with_csv, with_json, with_limit
from rejesha_cli.records import MAX_PAGE_SIZE, NAIROBI, Record, read_pages, record
from rejesha_cli.tables import Column, moment, show_list

_COLUMNS = (
    Column("When", "create_time", moment), Column("By", "actor"), Column("Of", "of"), Column("What", "what"),
    Column("Was", "before"), Column("Is", "after"), Column("Why", "reason"), Column("Change", "change_id"),
)  # fmt: skip
_DAYS = 30
_OF_BULK = re.compile(r"(undo of )?bulk \d+: ")
# Nobody had these made: time did.
_BY_TIME = {"renewal"}


@click.command
@click.option("--by", default="", metavar="NAME", help="Only what this person did.")
@click.option("--since", type=DAY, help=f"From this day on; the last {_DAYS} days when left out.")
@with_limit
@with_csv
@with_json
@with_connections
def history(
    connected: Connections, *, by: str, since: datetime | None, limit: int, as_json: bool, as_csv: bool
) -> None:
    """Tell who did what, when and why, over everything.

    Newest first: changes of ISPs, customers and policies, payments placed or taken back, messages to many. `customer
    undo` and `isp undo` take the numbers of changes.
    """
    channels, since = connected.channels, since or datetime.now(NAIROBI) - timedelta(days=_DAYS)
    sources = (_changes(channels, by, since), _transfers(channels, by, since), _messages(channels, by, since))
    found = merge(*sources, key=lambda one: str(one["create_time"]), reverse=True)
    shown = list(islice(found, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    show_list("history", _COLUMNS, (shown[:limit] if limit else shown, more), as_json=as_json, as_csv=as_csv)


def _told(one: Record, of: str, what: str, before: str = "", after: str = "") -> Record:
    """One line; `one` has the rest."""
    names = ("create_time", "actor", "reason", "change_id")
    return {name: one.get(name) for name in names} | {"of": of, "what": what, "before": before, "after": after}


def _changes(channels: Channels, by: str, since: datetime) -> Iterator[Record]:
    """Those of a bulk are one line."""

    def fetch(token: str) -> Any:
        request = ListChangesRequest(actor=by, since=since, page_size=MAX_PAGE_SIZE, page_token=token)
        return channels.accounts.ListChanges(request)

    for _, some in groupby(_pages(fetch, "changes"), _act):
        first, *others = some
        if _OF_BULK.match(first["reason"]):
            many = {one["customer_id"] for one in (first, *others)}
            fields = {one["field"] for one in (first, *others)}
            yield _told({**first, "change_id": None}, f"{len(many):,} customers", ", ".join(sorted(fields)))
        else:
            yield _told(first, _whose(first), first["field"], first["before"], first["after"])


def _act(one: Record) -> tuple[str, str]:
    """A bulk, or one change."""
    return one["actor"], one["reason"] if _OF_BULK.match(one["reason"]) else str(one["change_id"])


def _whose(one: Record) -> str:
    return f"ISP {one['isp_id']}" if one["isp_id"] else f"customer {one['customer_id']}"


def _transfers(channels: Channels, by: str, since: datetime) -> Iterator[Record]:
    """What was done to payments. They come oldest first: all are read."""

    def fetch(size: int, token: str) -> object:
        request = ListTransfersRequest(start_time=since, by_somebody=True, page_size=size, page_token=token)
        return channels.ledger.ListTransfers(request)

    found, _ = read_pages(fetch, "transfers", 0)
    for one in reversed(found):
        if by in ("", one["actor"]) and one["kind"] not in _BY_TIME:
            yield _told(one, one["trans_id"], one["kind"], one["from_account"], one["to_account"])


def _messages(channels: Channels, by: str, since: datetime) -> Iterator[Record]:
    """What many were told: that is on no customer's record."""

    def fetch(token: str) -> Any:
        return channels.bulks.ListBulks(ListBulksRequest(page_size=MAX_PAGE_SIZE, page_token=token))

    start = since.astimezone(NAIROBI).isoformat()
    for one in _pages(fetch, "bulks"):
        if one["create_time"] < start:
            return
        if "message" in one["plan"] and by in ("", one["actor"]):
            many = sum(one[state] for state in ("due", "done", "skipped", "undone", "left"))
            yield _told(one, f"{many:,} customers", f"message (bulk {one['bulk_id']})", after=one["plan"]["message"])


def _pages(fetch: Callable[[str], Any], field: str) -> Iterator[Record]:
    """Record after record, as long as somebody reads them; what a change changes stands beside the rest of it."""
    token = ""
    while True:
        page = fetch(token)
        for one in map(record, getattr(page, field)):
            yield {**one.pop("change", {}), **one}
        token = page.next_page_token
        if not token:
            return
