"""`rejesha payment …`: what became of the money, and putting it where it belongs."""

from typing import Annotated

import typer
from rejesha.billing.v1.payment_service_pb2 import (
    AssignPaymentRequest,
    ListPaymentsRequest,
    PaymentOutcome,
)
from rejesha.billing.v1.task_service_pb2 import RetryTasksRequest

from rejesha_cli.callback import sample
from rejesha_cli.context import AsJson, By, Limit, amount, connections, word_of
from rejesha_cli.errors import GatewayRefused
from rejesha_cli.pages import read_pages
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, moment, money, print_json, remark, say, show_list, state
from rejesha_cli.timeline import Timeline
from rejesha_cli.timeline_view import show_timeline

app = typer.Typer(no_args_is_help=True, help="Payments and what became of them.")

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
# Tried where no shortcode is configured: the one of M-Pesa's own test paybill.
_TEST_SHORTCODE = "600984"

TransId = Annotated[str, typer.Argument(metavar="TRANSID", help="The M-Pesa code from the customer's SMS.")]
Outcome = Annotated[
    int | None,
    typer.Option(
        parser=word_of(PaymentOutcome.DESCRIPTOR), metavar="OUTCOME", help="Such as customer_paid, unmatched."
    ),
]


@app.command("show")
def show(ctx: typer.Context, trans_id: TransId, as_json: AsJson = False) -> None:
    """Tell a payment's story: what became of it, step by step, and what is still to come."""
    document = connections(ctx).gateway.timeline(_code(trans_id))
    if as_json:
        print_json(document)
    else:
        show_timeline(Timeline.read(document))


@app.command("list")
def list_payments(ctx: typer.Context, outcome: Outcome = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List payments, newest first."""
    show_list("payments", COLUMNS, _payments(ctx, outcome or 0, limit), as_json=as_json)


@app.command("unmatched")
def unmatched(ctx: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the payments that are held because nobody knows whose they are."""
    found = _payments(ctx, PaymentOutcome.PAYMENT_OUTCOME_UNMATCHED, limit)
    show_list("payments", COLUMNS, found, as_json=as_json)
    if found[0] and not as_json:
        remark("`rejesha payment assign CODE ACCOUNT` puts one where it belongs.")


@app.command("assign")
def assign(
    ctx: typer.Context,
    trans_id: TransId,
    account: Annotated[str, typer.Argument(help="A customer's account, or an ISP's SMS, WA or ACC account.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Place an unmatched payment; everything follows as if it had been paid there at once."""
    request = AssignPaymentRequest(trans_id=_code(trans_id), account_reference=account, assigned_by=by)
    receipt = record(connections(ctx).channels.payments.AssignPayment(request).receipt)
    if as_json:
        print_json(receipt)
    else:
        say(f"{receipt['trans_id']} is placed on {account}: {_spaced(receipt['outcome'])}.")
        remark(f"`rejesha payment show {receipt['trans_id']}` tells how it goes on.")


@app.command("retry")
def retry(ctx: typer.Context, trans_id: TransId, as_json: AsJson = False) -> None:
    """Try a payment's given-up or expired work again, after you have mended the cause."""
    code = _code(trans_id)
    task_ids = list(connections(ctx).channels.tasks.RetryTasks(RetryTasksRequest(trans_id=code)).task_ids)
    if as_json:
        print_json({"trans_id": code, "task_ids": task_ids})
    elif task_ids:
        say(f"{code}: {len(task_ids)} task{'s are' if len(task_ids) > 1 else ' is'} tried again.")
    else:
        say(f"{code}: nothing to retry, none of its tasks was given up or has expired.")


@app.command("send-sample")
def send_sample(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    account: Annotated[str, typer.Option(help="What the customer typed as account.")] = "0949AQ",
    amount: Annotated[int, typer.Option(parser=amount, metavar="KES", help="The amount.")] = 1000,
    trans_id: Annotated[str, typer.Option(help="The M-Pesa code; made up when left out.")] = "",
    shortcode: Annotated[str, typer.Option(help="The paybill; the first of REJESHA_SHORTCODES when left out.")] = "",
    msisdn: Annotated[str, typer.Option(help="The payer's number as M-Pesa sends it.")] = "2547 ***** 126",
    secret: Annotated[str, typer.Option(help="The callback's secret path; better REJESHA_CALLBACK_SECRET.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send the gateway an M-Pesa confirmation. To a live installation this is a payment like any other."""
    connected = connections(ctx)
    shortcode = shortcode or next(iter(connected.settings.shortcodes), _TEST_SHORTCODE)
    confirmation = sample(account, amount, shortcode, msisdn=msisdn, trans_id=_code(trans_id))
    answer = connected.gateway.send_callback(confirmation.body, secret=secret)
    if not answer.accepted:
        raise GatewayRefused(f"the gateway did not take the payment: {answer.fault} (HTTP {answer.status}).")
    if as_json:
        print_json(answer.document)
        return
    say(f"{confirmation.trans_id} is accepted: {_spaced(answer.outcome)}.")
    remark(f"`rejesha payment show {confirmation.trans_id}` tells how it goes on.")


def _payments(ctx: typer.Context, outcome: int, limit: int) -> tuple[list[Record], bool]:
    payments = connections(ctx).channels.payments

    def fetch(size: int, token: str) -> object:
        wanted = PaymentOutcome.ValueType(outcome)
        return payments.ListPayments(ListPaymentsRequest(outcome=wanted, page_size=size, page_token=token))

    return read_pages(fetch, "payments", limit)


def _code(trans_id: str) -> str:
    return "".join(trans_id.split()).upper()


def _spaced(word: object) -> str:
    return str(word).replace("_", " ")
