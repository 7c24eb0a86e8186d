"""`rejesha customer show`: all that is known of a customer: payments, dates, line, messages, changes, and namesakes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import ListChangesRequest, ListCustomersRequest
from rejesha.billing.v1.ledger_service_pb2 import ListLedgerAccountsRequest
from rejesha.billing.v1.payment_service_pb2 import GetPaymentRequest, GetPaymentResponse, ListPaymentsRequest
from rejesha.notify.v1.notify_service_pb2 import ListMessagesRequest
from rejesha.router_control.v1.router_control_service_pb2 import GetAccessRequest

from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.customers import changes
from rejesha_cli.customers.views import show_customer
from rejesha_cli.errors import CommandFailed
from rejesha_cli.names import Names
from rejesha_cli.records import Record, record
from rejesha_cli.tables import print_json, remark

# Of the newest payments the steps and the messages are told, of more the payment alone.
_TOLD, _LISTED = 5, 20
# How long a router may take to say whether the line is on: somebody waits on the telephone.
_LINE_SECONDS = 6
# A payment's log has many steps; these are what a customer asks about.
_STEPS = {
    "PAYMENT_RECEIVED", "PROCESSING_COMPLETE", "INSUFFICIENT_PAYMENT", "RECONNECTION_SUCCESS", "RECONNECTION_FAILED",
    "MIKROTIK_FAILED", "NO_ROUTER_CONFIG", "CREDIT_KEPT", "CREDIT_SPENT", "PAYMENT_UNASSIGNED", "PAYMENT_REVERSED",
}  # fmt: skip


@click.command("show")
@click.argument("account")
@with_json
@with_connections
def show(connected: Connections, account: str, as_json: bool) -> None:
    """Show all of one customer: record, payments, line, messages, and what happened.

    Case and spaces of ACCOUNT do not matter; id:12 is the customer of that id. Of an ambiguous account all customers
    are shown.
    """
    channels = connected.channels
    found = [_overview(channels, one) for one in _customers(channels, account)]
    first, *twins = found
    if as_json:
        print_json({**first, "twins": twins})
        return
    names = Names(channels)
    for one in found:
        show_customer(one, names)
    if twins:
        remark(f"{len(found)} customers have this account: payments to it are held until it is one's alone.")


def _customers(channels: Channels, account: str) -> list[Record]:
    """The one that is meant, then the others with the same account. Raises ServiceRefused when there is none."""
    meant = changes.get(channels, account)
    if changes.whom(account)[0]:
        return [record(meant)]
    same = channels.accounts.ListCustomers(ListCustomersRequest(account_name=meant.account_name)).customers
    others = [one for one in same if one.customer_id != meant.customer_id]
    return [record(one) for one in (meant, *others)]


def _overview(channels: Channels, customer: Record) -> Record:
    customer_id = customer["customer_id"]
    with ThreadPoolExecutor(8) as threads:
        line = threads.submit(_line, channels, customer)
        credit = threads.submit(_credit, channels, customer_id)
        asked = ListPaymentsRequest(customer_id=customer_id, page_size=_LISTED)
        payments = list(channels.payments.ListPayments(asked).payments)
        codes = [payment.trans_id for payment in payments[:_TOLD]]
        told = threads.map(lambda code: channels.payments.GetPayment(GetPaymentRequest(trans_id=code)), codes)
        messages = threads.submit(_messages, channels, threads, codes)
        made = channels.accounts.ListChanges(ListChangesRequest(customer_id=customer_id, page_size=_LISTED)).changes
        sent = messages.result()
        events = [*_steps(told), *_sendings(sent or []), *map(_change, made)]
        return {
            **customer,
            "credit": credit.result(),
            "payments": [record(payment) for payment in payments],
            "line": line.result(),
            "messages": sent,
            "timeline": sorted(events, key=lambda event: str(event["time"])),
        }


def _credit(channels: Channels, customer_id: int) -> str:
    """What is kept for the customer, in shillings."""
    (account,) = channels.ledger.ListLedgerAccounts(ListLedgerAccountsRequest(name=f"credit:{customer_id}")).accounts
    return str(record(account)["balance"])


def _line(channels: Channels, customer: Record) -> Record | None:
    """What the router holds now; None without a line on record."""
    if not (customer["router_id"] and customer["username"]):
        return None
    request = GetAccessRequest(router_id=customer["router_id"], usernames=[customer["username"]])
    try:
        (found,) = channels.routers.GetAccess(request, timeout=_LINE_SECONDS).results
    except CommandFailed as error:
        return {"outcome": "not_asked", "access": None, "sessions": 0, "detail": str(error)}
    return record(found)


def _messages(channels: Channels, threads: ThreadPoolExecutor, codes: list[str]) -> list[Record] | None:
    """The messages about these payments, newest first; None when notify cannot be asked."""
    ask = partial(_about, channels)
    try:
        return [record(message) for some in threads.map(ask, codes) for message in some]
    except CommandFailed:
        return None


def _about(channels: Channels, code: str) -> Any:
    return channels.messages.ListMessages(ListMessagesRequest(subject=code, page_size=_LISTED)).messages


def _steps(told: Iterator[GetPaymentResponse]) -> Iterator[Record]:
    for answer in told:
        for entry in answer.timeline:
            if entry.category in _STEPS:
                said = record(entry)
                yield _event(said["create_time"], entry.category, f"{answer.payment.trans_id}: {entry.message}")


def _sendings(messages: list[Record]) -> Iterator[Record]:
    for message in messages:
        sentence = f"SMS to {message['phone']} {message['state']}: {message['text']}"
        yield _event(message["update_time"], f"MESSAGE_{str(message['state']).upper()}", sentence)


def _change(made: Any) -> Record:
    one = record(made)
    change = one["change"]
    sentence = f"{change['field']}: {change['before'] or 'none'} → {change['after'] or 'none'}, by {one['actor']}"
    why = f" ({one['reason']})" if one["reason"] else ""
    return _event(one["create_time"], "RECORD_CHANGED", sentence + why)


def _event(time: str | None, event: str, message: str) -> Record:
    return {"time": time, "event": event, "message": message}
