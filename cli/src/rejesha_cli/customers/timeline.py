"""`rejesha customer timeline`: what happened to a customer, from billing and notify, in one order of time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import Customer, ListCustomerEventsRequest
from rejesha.notify.v1.notify_service_pb2 import ListMessagesRequest

from rejesha_cli.channels import Channels
from rejesha_cli.context import DAY, Connections, with_connections, with_csv, with_json, with_limit
from rejesha_cli.customers.changes import whom
from rejesha_cli.errors import CommandFailed
from rejesha_cli.records import MAX_PAGE_SIZE, Record, record
from rejesha_cli.tables import Column, moment, money, remark, show_list

_COLUMNS = (
    Column("When", "time", moment),
    Column("Event", "event"),
    Column("What", "message"),
    Column("KES", "amount", money),
    Column("About", "about"),
    Column("By", "actor"),
    Column("Why", "reason"),
)


@click.command("timeline")
@click.argument("who", metavar="CUSTOMER")
@click.option("--since", type=DAY, help="What happened on this day or later.")
@with_limit
@with_csv
@with_json
@with_connections
def timeline(
    connected: Connections, who: str, *, since: datetime | None, limit: int, as_json: bool, as_csv: bool
) -> None:
    """Show what happened to a customer, newest first: payments, changes and who made them, routers' answers, messages.

    CUSTOMER is an account, or id:12 for the customer of that id. Messages are those to the number on record.
    """
    channels = connected.channels
    size = min(limit + 1, MAX_PAGE_SIZE) if limit else MAX_PAGE_SIZE
    customer, events = _events(channels, who, since, size)
    found = merge(events, _messages(channels, customer, since, size), key=lambda one: str(one["time"]), reverse=True)
    shown = list(islice(found, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    found_all = shown[:limit] if limit else shown, more
    title = f"What happened to {customer.account_name}"
    show_list("events", _COLUMNS, found_all, as_json=as_json, as_csv=as_csv, title=title)


def _pages(fetch: Callable[[str], Any]) -> Iterator[Any]:
    """Page after page, as long as somebody reads them: never more than one is held."""
    token = ""
    while True:
        page = fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return


def _events(channels: Channels, who: str, since: datetime | None, size: int) -> tuple[Customer, Iterator[Record]]:
    customer_id, account = whom(who)
    request = ListCustomerEventsRequest(customer_id=customer_id, account_name=account, since=since, page_size=size)

    def fetch(token: str) -> Any:
        request.page_token = token
        return channels.accounts.ListCustomerEvents(request)

    first = fetch("")
    # Who has the account may become another between two pages.
    request.customer_id, request.account_name = first.customer.customer_id, ""
    pages = _pages(lambda token: fetch(token) if token else first)
    return first.customer, (_event(record(one)) for page in pages for one in page.events)


def _messages(channels: Channels, customer: Customer, since: datetime | None, size: int) -> Iterator[Record]:
    """To the number on record, by when they were accepted; that notify cannot be asked is remarked."""
    if not customer.phone:
        return

    def fetch(token: str) -> Any:
        return channels.messages.ListMessages(
            ListMessagesRequest(phone=customer.phone, page_size=size, page_token=token)
        )

    try:
        for page in _pages(fetch):
            for message in page.messages:
                if since and message.create_time.ToDatetime(tzinfo=UTC) < since:
                    return
                yield _message(record(message))
    except CommandFailed as error:
        remark(f"Messages are left out: {error}")


def _message(message: Record) -> Record:
    about = {"about": message["subject"]}
    said = f"SMS to {message['phone']}: {message['text']}"
    return _row(message["create_time"], f"message_{message['state']}", said) | about


def _event(event: Record) -> Record:
    (kind,) = {"payment", "change", "step"} & event.keys()
    return {"payment": _payment, "change": _change, "step": _step}[kind](event["create_time"], event[kind])


def _payment(when: str, payment: Record) -> Record:
    dates = payment["due_date_before"], payment["due_date_after"]
    moved = f", paid until {dates[1]} (was {dates[0] or 'none'})" if dates[1] else ""
    since = "; taken back since" if payment["taken_back"] else ""
    message = f"Paid for {payment['bill_ref_number'] or '(no reference)'}{moved}{since}"
    about = {"amount": payment["amount"], "about": payment["trans_id"]}
    return _row(when, f"payment_{payment['outcome']}", message) | about


def _change(when: str, made: Record) -> Record:
    change = made["change"]
    message = f"{change['field']}: {change['before'] or 'none'} → {change['after'] or 'none'}"
    by = {"about": f"change {made['change_id']}", "actor": made["actor"], "reason": made["reason"]}
    return _row(when, "changed", message) | by


def _step(when: str, step: Record) -> Record:
    return _row(when, str(step["category"]).lower(), step["message"]) | {"about": step["trans_id"]}


def _row(when: str, event: str, message: str) -> Record:
    return {
        "time": when, "event": event, "message": message, "amount": None, "about": "", "actor": "", "reason": ""
    }  # fmt: skip
