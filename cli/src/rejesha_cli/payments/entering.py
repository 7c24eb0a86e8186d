"""`rejesha payment record`: payments that M-Pesa delivered to nobody, typed in or from a list."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click
from rejesha.billing.v1.payment_service_pb2 import EnterPaymentsRequest, Payment, PaymentOutcome, PaymentReceipt

from rejesha_cli.context import Connections, with_author, with_connections, with_dry_run, with_json
from rejesha_cli.errors import CommandFailed, ServiceRefused
from rejesha_cli.imports.rules import BadValue, Field, Line
from rejesha_cli.imports.service import LineResult, Parsed, run_import
from rejesha_cli.money import parse_cents
from rejesha_cli.records import record as to_record
from rejesha_cli.tables import print_json, remark, say

# The second names are those of M-Pesa's statement of an organisation.
FIELDS = (
    Field("trans_id", also=("transid", "code", "receipt_no.", "receipt_no", "receipt"), required=True),
    Field("time", also=("transtime", "trans_time", "completion_time"), required=True),
    Field("amount", also=("transamount", "paid_in"), required=True),
    Field("account", also=("billrefnumber", "reference", "a/c_no.", "a/c_no", "account_reference")),
    Field("phone", also=("msisdn",)),
    Field("name", also=("firstname", "first_name", "payer")),
    Field("shortcode", also=("businessshortcode", "paybill", "till")),
    Field("type", also=("transactiontype", "transaction_type", "reason_type")),
)
_CODE = re.compile(r"[A-Z0-9]{1,50}")
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S")


@click.command("record")
@click.argument("trans_id", metavar="[TRANSID]", default="")
@click.option("--amount", default="", help="What was paid, in shillings.")
@click.option("--account", default="", help="What the payer typed as account.")
@click.option("--time", "time_", default="", metavar="'YYYY-MM-DD HH:MM:SS'", help="When it was paid, in Kenya.")
@click.option("--phone", default="", help="The payer's number.")
@click.option("--name", default="", help="The payer's first name.")
@click.option("--shortcode", default="", help="The paybill or till; the first of REJESHA_SHORTCODES when left out.")
@click.option("--file", type=click.Path(path_type=Path), help="A list instead: CSV or XLSX, one payment a line.")
@click.option("--reason", required=True, help="Why it is entered by hand, for whoever asks later.")
@with_author
@with_dry_run
@with_json
@with_connections
def record(  # noqa: PLR0913
    connected: Connections,
    /,
    *,
    trans_id: str,
    amount: str,
    account: str,
    time_: str,
    phone: str,
    name: str,
    shortcode: str,
    file: Path | None,
    reason: str,
    by: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Record a payment that M-Pesa delivered to nobody, as its statement has it.

    All follows as if it had come by itself at its own time; should M-Pesa deliver it after all, it counts once.
    """
    shortcode = shortcode or connected.settings.first_shortcode

    def enter(items: Sequence[Parsed[Payment]], *, dry_run: bool) -> Iterator[LineResult]:
        for row in items:
            yield _enter(connected, row, reason, by, dry_run=dry_run)

    if bool(file) == bool(trans_id):
        raise click.UsageError("Name one of TRANSID and --file.")
    if file:
        run_import(file, FIELDS, lambda line: _read(line, shortcode), enter, dry_run=dry_run, as_json=as_json)
        return
    values = {"trans_id": trans_id, "amount": amount, "account": account, "time": time_, "phone": phone, "name": name}
    try:
        payment = _read(Line(1, values), shortcode).item
    except BadValue as error:
        raise click.UsageError(f"{error}.") from error
    receipt = _call(connected, payment, reason, by, dry_run=dry_run)
    if as_json:
        print_json(to_record(receipt))
        return
    outcome = str(to_record(receipt)["outcome"]).replace("_", " ")
    there = " was there already" if receipt.repeated else " would be recorded" if dry_run else " is recorded"
    say(f"{payment.trans_id}{there}: {outcome}.")
    remark(f"`rejesha payment show {payment.trans_id}` tells how it goes on.")


def _read(line: Line, shortcode: str) -> Parsed[Payment]:
    """A line as a payment. Raises BadValue."""
    code = "".join(line.get("trans_id").split()).upper()
    if not _CODE.fullmatch(code):
        raise BadValue(f"the trans_id {code!r} is no M-Pesa code")
    payment = Payment(
        trans_id=code,
        trans_time=_time(line.get("time")),
        amount_cents=_cents(line.get("amount")),
        bill_ref_number=line.get("account"),
        msisdn=line.get("phone"),
        first_name=line.get("name"),
        business_short_code=line.get("shortcode") or shortcode,
        transaction_type=line.get("type") or "Pay Bill",
    )
    return Parsed(line.number, code, code, payment)


def _time(text: str) -> str:
    for form in _TIMES:
        try:
            return datetime.strptime(text, form).strftime("%Y%m%d%H%M%S")  # noqa: DTZ007 - Kenya's, as M-Pesa has it
        except ValueError:
            continue
    raise BadValue(f"the time {text!r} is not such as 2026-11-30 14:05:59")


def _cents(text: str) -> int:
    try:
        cents = parse_cents(text)
    except ValueError as error:
        raise BadValue(f"the amount {error}") from error
    if not cents:
        raise BadValue("the amount is nothing")
    return cents


def _enter(connected: Connections, row: Parsed[Payment], reason: str, by: str, *, dry_run: bool) -> LineResult:
    try:
        receipt = _call(connected, row.item, reason, by, dry_run=dry_run)
    except ServiceRefused as refusal:
        return LineResult(row.number, row.name, "bad", str(refusal))
    except CommandFailed as error:
        if str(error).startswith(row.name):
            return LineResult(row.number, row.name, "bad", str(error))
        raise
    return LineResult(row.number, row.name, "unchanged" if receipt.repeated else "created")


def _call(connected: Connections, payment: Payment, reason: str, by: str, *, dry_run: bool) -> PaymentReceipt:
    """Raises CommandFailed, which begins with the code, when it is not recorded as it was entered."""
    request = EnterPaymentsRequest(payments=[payment], entered_by=by, reason=reason, validate_only=dry_run)
    receipt: PaymentReceipt = connected.channels.payments.EnterPayments(request).receipts[0]
    if receipt.outcome == PaymentOutcome.PAYMENT_OUTCOME_CONFLICT:
        raise CommandFailed(f"{payment.trans_id} is there already with another amount, account or shortcode.")
    if receipt.outcome == PaymentOutcome.PAYMENT_OUTCOME_DEFERRED:
        raise CommandFailed(f"{payment.trans_id} could not be recorded now, somebody holds its rows: run it again.")
    return receipt
