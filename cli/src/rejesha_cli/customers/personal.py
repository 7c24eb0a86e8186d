"""`rejesha customer disclose | erase`: all that is kept of one person: told, and taken out of the records."""

from collections.abc import Iterator
from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import ListChangesRequest
from rejesha.billing.v1.payment_service_pb2 import GetPaymentRequest, ListPaymentsRequest
from rejesha.billing.v1.retention_service_pb2 import EraseCustomerRequest
from rejesha.notify.v1.notify_service_pb2 import EraseMessagesRequest, ListMessagesRequest

from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, with_author, with_connections, with_json, with_yes
from rejesha_cli.customers import changes
from rejesha_cli.records import Record, read_pages, record
from rejesha_cli.tables import print_json, say

_SUBJECTS = 1000


@click.command("disclose")
@click.argument("account")
@with_connections
def disclose(connected: Connections, account: str) -> None:
    """Print all that is kept of a customer as one JSON document: record, payments, messages, changes.

    For a person who asks for it (Data Protection Act, section 26). id:12 is the customer of that id.
    """
    channels = connected.channels
    customer = record(changes.get(channels, account))
    payments = [_whole(channels, one["trans_id"]) for one in _payments(channels, customer["customer_id"])]
    print_json(
        {
            "customer": customer,
            "payments": payments,
            "messages": _messages(channels, customer["phone"], [one["payment"]["trans_id"] for one in payments]),
            "changes": _changes(channels, customer["customer_id"]),
        }
    )


@click.command("erase")
@click.argument("account")
@click.option("--reason", required=True, help="Why, without the person's name.")
@with_author
@with_yes
@with_json
@with_connections
def erase(connected: Connections, *, account: str, reason: str, by: str, yes: bool, as_json: bool) -> None:
    """Take a person out of the records of a closed customer; the books stay whole.

    For a person who asks for it (Data Protection Act, section 40). Repeat it where it stopped.
    """
    channels = connected.channels
    customer = changes.get(channels, account)
    if not yes:
        question = f"Erase name, numbers, logs and messages of {customer.account_name} for good?"
        click.confirm(question, abort=True, err=True)
    # The messages first, as they are found by what is erased after them: so all of it can be repeated.
    request = EraseCustomerRequest(customer_id=customer.customer_id, actor=by, reason=reason, validate_only=True)
    codes = list(channels.retention.EraseCustomer(request).trans_ids)
    messages = channels.messages.EraseMessages(EraseMessagesRequest(phone=customer.phone)).deleted
    for start in range(0, len(codes), _SUBJECTS):
        about = EraseMessagesRequest(subjects=codes[start : start + _SUBJECTS])
        messages += channels.messages.EraseMessages(about).deleted
    request.validate_only = False
    channels.retention.EraseCustomer(request)
    if as_json:
        print_json({"customer_id": customer.customer_id, "payments": len(codes), "messages": messages})
    else:
        say(f"{customer.account_name} is nobody's any more: {len(codes)} payments, {messages} messages.")


def _payments(channels: Channels, customer_id: int) -> list[Record]:
    def fetch(size: int, token: str) -> object:
        request = ListPaymentsRequest(customer_id=customer_id, page_size=size, page_token=token)
        return channels.payments.ListPayments(request)

    return read_pages(fetch, "payments", 0)[0]


def _whole(channels: Channels, code: str) -> Record:
    """A payment with its log, its tasks and its raw callbacks."""
    return record(channels.payments.GetPayment(GetPaymentRequest(trans_id=code)))


def _messages(channels: Channels, phone: str, codes: list[str]) -> list[Record]:
    """Those to the customer's number and those about the customer's payments, each once."""
    asked = [{"phone": phone}] if phone else []
    found = (one for about in (*asked, *({"subject": code} for code in codes)) for one in _listed(channels, about))
    return list({one["message_id"]: one for one in found}.values())


def _listed(channels: Channels, about: dict[str, str]) -> Iterator[Record]:
    def fetch(size: int, token: str) -> object:
        request = ListMessagesRequest(**about, page_size=size, page_token=token)  # type: ignore[arg-type]
        return channels.messages.ListMessages(request)

    yield from read_pages(fetch, "messages", 0)[0]


def _changes(channels: Channels, customer_id: int) -> list[Record]:
    def fetch(size: int, token: str) -> Any:
        request = ListChangesRequest(customer_id=customer_id, page_size=size, page_token=token)
        return channels.accounts.ListChanges(request)

    return read_pages(fetch, "changes", 0)[0]
