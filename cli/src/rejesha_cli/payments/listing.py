"""`rejesha payment list`: payments found by whatever is known of them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click
from rejesha.billing.v1.payment_service_pb2 import ListPaymentsRequest, PaymentOutcome

from rejesha_cli.context import PHONE, Connections, ReadAs, value_of, with_connections, with_csv, with_json, with_limit
from rejesha_cli.money import parse_cents
from rejesha_cli.names import Names
from rejesha_cli.records import NAIROBI, Record, read_pages
from rejesha_cli.tables import Column, moment, money, show_list, state

COLUMNS = (
    Column("Received", "receive_time", moment),
    Column("M-Pesa code", "trans_id"),
    Column("KES", "amount", money),
    Column("Reference", "bill_ref_number"),
    Column("Payer", "first_name"),
    Column("Outcome", "outcome", state),
    Column("Why held", "unmatched_reason", state),
    Column("Assigned to", "assigned_reference"),
)

OUTCOME = value_of("OUTCOME", PaymentOutcome.DESCRIPTOR)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day such as 2026-11-30") from None


def _amounts(text: str) -> tuple[int, int]:
    """The least and the most, in cents, of "1000" or "500..1500"; either end may be left out."""
    least, dots, most = text.partition("..")
    if not dots:
        return (parse_cents(text),) * 2
    return parse_cents(least) if least else 0, parse_cents(most) if most else 0


_DAY, _AMOUNTS = ReadAs("YYYY-MM-DD", _day), ReadAs("KES", _amounts)


@click.command("list")
@click.option("--outcome", type=OUTCOME, default=0, help="Such as customer_paid, unmatched.")
@click.option("--account", default="", help="Placed on this account, or typed for it and held.")
@click.option("--customer", type=click.IntRange(min=1), metavar="ID", help="A customer's, by id.")
@click.option("--isp", default="", help="An ISP's, by id or name.")
@click.option("--phone", type=PHONE, default="", help="From this number, hashed or masked too, in any spelling.")
@click.option("--payer", default="", help="The payer's name begins so.")
@click.option("--amount", type=_AMOUNTS, help="So much, or from 500..1500, 500.., ..1500.")
@click.option("--since", type=_DAY, help="Received on this day or later.")
@click.option("--until", type=_DAY, help="Received on this day or before.")
@with_limit
@with_csv
@with_json
@with_connections
def list_payments(connected: Connections, /, *, limit: int, as_json: bool, as_csv: bool, **asked: Any) -> None:
    """List payments, newest first: those of which all holds that is given."""
    least, most = asked["amount"] or (0, 0)
    wanted = ListPaymentsRequest(
        outcome=asked["outcome"],
        account_reference=asked["account"],
        customer_id=asked["customer"] or 0,
        isp_id=Names(connected.channels).isp_id(asked["isp"]),
        phone=asked["phone"],
        payer=asked["payer"],
        min_amount_cents=least,
        max_amount_cents=most,
        received_from=_start(asked["since"]) if asked["since"] else None,
        received_before=_start(asked["until"] + timedelta(days=1)) if asked["until"] else None,
    )
    show_list("payments", COLUMNS, find(connected, wanted, limit), as_json=as_json, as_csv=as_csv)


def find(connected: Connections, wanted: ListPaymentsRequest, limit: int) -> tuple[list[Record], bool]:
    """The newest `limit` of the wanted payments, 0 for all, and whether there are more."""
    payments = connected.channels.payments

    def fetch(size: int, token: str) -> object:
        request = ListPaymentsRequest(page_size=size, page_token=token)
        request.MergeFrom(wanted)
        return payments.ListPayments(request)

    return read_pages(fetch, "payments", limit)


def _start(day: date) -> datetime:
    """When a day begins in Nairobi."""
    return datetime.combine(day, time(), NAIROBI).astimezone(UTC)
