"""`rejesha payment unassign`, `reverse`: takes back what a payment gave."""

from typing import Any

import click
from rejesha.billing.v1.payment_service_pb2 import ReversePaymentRequest, UnassignPaymentRequest

from rejesha_cli.context import Connections, with_author, with_connections, with_json, with_yes
from rejesha_cli.payments.arguments import CODE, with_code
from rejesha_cli.records import record
from rejesha_cli.tables import print_json, remark, say


@click.command("unassign")
@with_code
@click.option("--reason", required=True, help="Why: whose it is really, who asked for it, …")
@with_yes
@with_author
@with_json
@with_connections
def unassign(connected: Connections, code: str, reason: str, *, yes: bool, by: str, as_json: bool) -> None:
    """Take a payment back from where it was placed, and hold its money: wallet, credits and date are as before."""
    if not yes:
        click.confirm(f"Take {code} back from where it is placed?", abort=True, err=True)
    request = UnassignPaymentRequest(trans_id=code, unassigned_by=by, reason=reason)
    _tell(connected.channels.payments.UnassignPayment(request), f"{code} is held again.", as_json=as_json)
    if not as_json:
        remark(f"`rejesha payment assign {code} ACCOUNT` places it where it belongs.")


@click.command("reverse")
@with_code
@click.option("--reason", required=True, help="Why: M-Pesa reversed it, it was paid back, …")
@click.option("--notice", type=CODE, metavar="TRANSID", default="", help="M-Pesa's notice of it, if that is held.")
@with_yes
@with_author
@with_json
@with_connections
def reverse(connected: Connections, code: str, reason: str, notice: str, *, yes: bool, by: str, as_json: bool) -> None:
    """Take back what a payment gave, for good: its money went back to the payer. Nobody can be credited for it then.

    TRANSID is the payment's code; where M-Pesa's notice of the reversal is held, --notice ends that with it.
    """
    if not yes:
        click.confirm(f"Take back for good what {code} gave?", abort=True, err=True)
    request = ReversePaymentRequest(trans_id=code, reversed_by=by, reason=reason, notice_trans_id=notice)
    _tell(connected.channels.payments.ReversePayment(request), f"{code} is reversed.", as_json=as_json)


def _tell(answer: Any, sentence: str, *, as_json: bool) -> None:
    """What was taken back, and what was not."""
    done = record(answer)
    if as_json:
        print_json(done)
        return
    say(sentence)
    for note in done["notes"]:
        say(f"  {note}")
