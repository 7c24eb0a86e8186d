"""`rejesha payment …`: what became of the money, and putting it where it belongs."""

import click
from rejesha.billing.v1.task_service_pb2 import RetryTasksRequest

from rejesha_cli.context import (
    Connections,
    ReadAs,
    with_connections,
    with_json,
)
from rejesha_cli.errors import GatewayRefused
from rejesha_cli.money import parse_cents
from rejesha_cli.payments.arguments import CODE, with_code
from rejesha_cli.payments.callback import sample
from rejesha_cli.payments.entering import record
from rejesha_cli.payments.held import assign, dismiss, unmatched
from rejesha_cli.payments.listing import list_payments
from rejesha_cli.payments.rules import Timeline
from rejesha_cli.payments.taking_back import reverse, unassign
from rejesha_cli.payments.views import show_timeline
from rejesha_cli.tables import print_json, remark, say

# Tried where no shortcode is configured: the one of M-Pesa's own test paybill.
_TEST_SHORTCODE = "600984"


@click.group(help="Payments and what became of them. TRANSID is the M-Pesa code from the customer's SMS.")
def payment() -> None:
    """Only holds its commands."""


@payment.command("show")
@with_code
@with_json
@with_connections
def show(connected: Connections, code: str, as_json: bool) -> None:
    """Show a payment's timeline: what became of it, step by step, and what is still to come."""
    document = connected.gateway.timeline(code)
    if as_json:
        print_json(document)
    else:
        show_timeline(Timeline.read(document))


payment.add_command(list_payments)
payment.add_command(unmatched)
payment.add_command(assign)
payment.add_command(dismiss)
payment.add_command(record)
payment.add_command(unassign)
payment.add_command(reverse)


@payment.command("retry")
@with_code
@with_json
@with_connections
def retry(connected: Connections, code: str, as_json: bool) -> None:
    """Try a payment's given-up or expired work again, after you have mended the cause."""
    task_ids = list(connected.channels.tasks.RetryTasks(RetryTasksRequest(trans_id=code)).task_ids)
    if as_json:
        print_json({"trans_id": code, "task_ids": task_ids})
    elif task_ids:
        say(f"{code}: {len(task_ids)} task{'s are' if len(task_ids) > 1 else ' is'} tried again.")
    else:
        say(f"{code}: nothing to retry, none of its tasks was given up or has expired.")


@payment.command("send-sample")
@click.option("--account", default="0949AQ", show_default=True, help="What the customer typed as account.")
@click.option("--amount", type=ReadAs("KES", parse_cents), default="1000", show_default=True, help="The amount.")
@click.option("--trans-id", "code", type=CODE, default="", help="The M-Pesa code; made up when left out.")
@click.option("--shortcode", default="", help="The paybill; the first of REJESHA_SHORTCODES when left out.")
@click.option("--msisdn", default="2547 ***** 126", show_default=True, help="The payer's number as M-Pesa sends it.")
@click.option("--secret", default="", help="The callback's secret path; better REJESHA_CALLBACK_SECRET.")
@with_json
@with_connections
def send_sample(  # noqa: PLR0913
    connected: Connections,
    *,
    account: str,
    amount: int,
    code: str,
    shortcode: str,
    msisdn: str,
    secret: str,
    as_json: bool,
) -> None:
    """Send the gateway an M-Pesa confirmation. To a live installation this is a payment like any other."""
    shortcode = shortcode or connected.settings.first_shortcode or _TEST_SHORTCODE
    confirmation = sample(account, amount, shortcode, msisdn=msisdn, trans_id=code)
    answer = connected.gateway.send_callback(confirmation.body, secret=secret)
    if not answer.accepted:
        raise GatewayRefused(f"the gateway did not take the payment: {answer.fault} (HTTP {answer.status}).")
    if as_json:
        print_json(answer.document)
        return
    say(f"{confirmation.trans_id} is accepted: {_spaced(answer.outcome)}.")
    remark(f"`rejesha payment show {confirmation.trans_id}` tells how it goes on.")


def _spaced(word: object) -> str:
    return str(word).replace("_", " ")
