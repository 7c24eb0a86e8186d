"""`rejesha search`: what something is that an operator has in hand: a code, a phone, an account, a name, an address."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click
from rejesha.billing.v1.account_service_pb2 import ListCustomersRequest, ListIspsRequest
from rejesha.billing.v1.payment_service_pb2 import GetPaymentRequest, ListPaymentsRequest
from rejesha.notify.v1.notify_service_pb2 import ListMessagesRequest
from rejesha.router_control.v1.router_control_service_pb2 import ListRoutersRequest
from servicekit.phones import is_mobile

from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, with_connections, with_csv, with_json
from rejesha_cli.errors import CommandFailed, ServiceRefused
from rejesha_cli.money import group
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, remark, say, show_list

COLUMNS = (
    Column("What", "what"),
    Column("Which", "which"),
    Column("About", "about"),
    Column("More", "command"),
)
# Of each kind: who looks for one thing reads no long list.
_MOST = 10

Found = Iterator[Record]


@click.command
@click.argument("anything", nargs=-1, required=True)
@with_csv
@with_json
@with_connections
def search(connected: Connections, anything: tuple[str, ...], *, as_json: bool, as_csv: bool) -> None:
    """Tell what a code, a phone, an account, a username, an address or a name is."""
    text = " ".join(anything).strip()
    channels = connected.channels
    looks = [*_OF_ANYTHING, *(_OF_A_PHONE if is_mobile(text) else ())]
    with ThreadPoolExecutor(len(looks)) as threads:
        answers = list(threads.map(partial(_try, channels, text), looks))
    found = list({one["command"]: one for records, _ in answers for one in records}.values())
    if found or as_json or as_csv:
        show_list("found", COLUMNS, (found, False), as_json=as_json, as_csv=as_csv)
    else:
        say(f"Nothing here is called {text}.")
        remark("What M-Pesa sent and nobody recorded: `rejesha spool`, `rejesha quarantine list`.")
    for fault in dict.fromkeys(fault for _, fault in answers if fault):
        remark(f"Not all was asked: {fault}")
    if not found:
        raise click.exceptions.Exit(1)


def _try(channels: Channels, text: str, look: Callable[[Channels, str], Found]) -> tuple[list[Record], str]:
    """What was found, or why it could not be looked for: the others are told all the same."""
    try:
        return list(look(channels, text)), ""
    except CommandFailed as error:
        return [], str(error)


def _payment(channels: Channels, text: str) -> Found:
    try:
        answer = channels.payments.GetPayment(GetPaymentRequest(trans_id=text))
    except ServiceRefused as error:
        if error.reason != "PAYMENT_NOT_FOUND":
            raise
        return
    yield _of_payment(record(answer.payment))


def _payments_of(channels: Channels, text: str) -> Found:
    """Those that were placed on it as an account, or typed for it and held."""
    request = ListPaymentsRequest(account_reference=text, page_size=_MOST)
    yield from (_of_payment(record(one)) for one in channels.payments.ListPayments(request).payments)


def _payments_from(channels: Channels, text: str) -> Found:
    request = ListPaymentsRequest(phone=text, page_size=_MOST)
    yield from (_of_payment(record(one)) for one in channels.payments.ListPayments(request).payments)


def _of_payment(payment: Record) -> Record:
    sentence = (
        f"KES {group(payment['amount'])} for {payment['bill_ref_number'] or 'no reference'} from"
        f" {payment['first_name'] or 'unknown'}: {payment['outcome']}"
    )
    code = payment["trans_id"]
    return _found("payment", code, sentence.replace("_", " "), f"payment show {code}", payment)


def _customers(channels: Channels, text: str) -> Found:
    request = ListCustomersRequest(matching=text, page_size=_MOST)
    for one in map(record, channels.accounts.ListCustomers(request).customers):
        facts = (one["full_name"], one["username"], one["phone"], one["status"])
        about = ", ".join(str(fact) for fact in facts if fact)
        command = f"customer show id:{one['customer_id']}"
        yield _found("customer", one["account_name"], about, command, one)


def _isps(channels: Channels, text: str) -> Found:
    for one in map(record, channels.accounts.ListIsps(ListIspsRequest()).isps):
        accounts = [one[key] for key in ("sms_account", "wa_account", "pay_account_number") if one[key]]
        if _is_like(text, one["name"], (*accounts, one["contact_phone"])):
            yield _found("ISP", one["name"], ", ".join(accounts), f"payment list --isp {one['isp_id']}", one)


def _routers(channels: Channels, text: str) -> Found:
    for one in map(record, channels.routers.ListRouters(ListRoutersRequest()).routers):
        if _is_like(text, one["name"], (one["address"],)):
            yield _found("router", one["name"], one["address"], f"router check {one['router_id']}", one)


def _messages(channels: Channels, text: str) -> Found:
    request = ListMessagesRequest(phone=text, page_size=_MOST)
    for one in map(record, channels.messages.ListMessages(request).messages):
        about = f"{one['state']}: {one['text']}"
        yield _found("message", one["subject"] or one["message_id"], about, f"message show {one['message_id']}", one)


def _is_like(text: str, name: str, whole: tuple[str, ...]) -> bool:
    """A part of the name, or one of the others as a whole; in any case, whatever the spaces."""
    bare = "".join(text.split()).casefold()
    return text.casefold() in name.casefold() or bare in {"".join(one.split()).casefold() for one in whole if one}


_OF_ANYTHING = (_payment, _customers, _payments_of, _isps, _routers)
_OF_A_PHONE = (_payments_from, _messages)


def _found(what: str, which: str, about: str, command: str, of: Record) -> Record:
    return {"what": what, "which": which, "about": about, "command": f"rejesha {command}", "record": of}
