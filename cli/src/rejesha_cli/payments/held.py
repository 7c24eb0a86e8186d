"""`rejesha payment unmatched`, `assign`, `dismiss`: what is done about payments that are held."""

from collections.abc import Sequence

import click
from rejesha.billing.v1.payment_service_pb2 import (
    AssignPaymentRequest,
    DismissPaymentRequest,
    ListPaymentsRequest,
    PaymentOutcome,
    SuggestAccountsRequest,
)

from rejesha_cli.context import (
    Connections,
    with_author,
    with_connections,
    with_csv,
    with_json,
    with_limit,
    with_yes,
)
from rejesha_cli.errors import CommandFailed
from rejesha_cli.names import Names
from rejesha_cli.payments.advice import advice
from rejesha_cli.payments.arguments import with_code
from rejesha_cli.payments.listing import find
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, moment, money, print_json, remark, say, show_list, state

_AT_ONCE = 20  # far within the time that a call may take
_COLUMNS = (
    Column("Received", "receive_time", moment),
    Column("M-Pesa code", "trans_id"),
    Column("KES", "amount", money),
    Column("Reference", "bill_ref_number"),
    Column("Payer", "first_name"),
    Column("Why held", "unmatched_reason", state),
    Column("Perhaps", "perhaps"),
)


@click.command("unmatched")
@with_limit
@with_csv
@with_json
@with_connections
def unmatched(connected: Connections, limit: int, *, as_json: bool, as_csv: bool) -> None:
    """List the payments that are held because nobody knows whose they are, and whose they may be."""
    held = ListPaymentsRequest(outcome=PaymentOutcome.PAYMENT_OUTCOME_UNMATCHED)
    records, more = find(connected, held, limit)
    suggested = {} if as_csv else suggestions(connected, [one["trans_id"] for one in records])
    for one in records:
        of_it = suggested.get(one["trans_id"], {"suggestions": []})["suggestions"]
        one.update({"suggestions": of_it} if as_json else {"perhaps": in_words(of_it[0]) if of_it else None})
    show_list("payments", _COLUMNS, (records, more), as_json=as_json, as_csv=as_csv)
    if records and not (as_json or as_csv):
        _advise(records)


def _advise(records: Sequence[Record]) -> None:
    if any(one["perhaps"] for one in records):
        remark("Where one account is likelier than the rest: `rejesha payment assign TRANSID --suggested`")
    for reason, one in {str(one["unmatched_reason"]): one for one in reversed(records)}.items():
        remark(f"{reason.replace('_', ' ')}: {advice(one['trans_id'], reason, one['bill_ref_number'])}")
    remark("Sent back to the payer, or no payment to us: `rejesha payment dismiss TRANSID --reason WHY`")


@click.command("assign")
@with_code
@click.argument("account", metavar="[ACCOUNT]", default="")
@click.option("--account", "named", metavar="ACCOUNT", default="", help="The same, as an option.")
@click.option("--customer", type=click.IntRange(min=1), metavar="ID", default=None, help="The customer, by id.")
@click.option("--isp", default="", help="The ISP, by id or name, where the account or the customer does not tell.")
@click.option("--suggested", is_flag=True, help="Where `payment unmatched` suggests, if one is likelier than the rest.")
@with_yes
@with_author
@with_json
@with_connections
def assign(  # noqa: PLR0913
    connected: Connections,
    *,
    code: str,
    account: str,
    named: str,
    customer: int | None,
    isp: str,
    suggested: bool,
    yes: bool,
    by: str,
    as_json: bool,
) -> None:
    """Place an unmatched payment; everything follows as if it had been paid there at once.

    ACCOUNT is a customer's account, or an ISP's SMS, WA or ACC account. Where several customers have it, --customer
    says which one; where several ISPs have it, or the customer has none on record, --isp.
    """
    if sum(map(bool, (account, named, customer, suggested))) != 1:
        raise click.UsageError("Name one of ACCOUNT, --customer ID and --suggested.")
    if suggested:
        likeliest = _likeliest(connected, code)
        if not yes:
            click.confirm(f"{code} to {in_words(likeliest)}?", abort=True, err=True)
        account, customer = likeliest["account_reference"], likeliest["customer_id"]
        account = "" if customer else account
    request = AssignPaymentRequest(
        trans_id=code,
        account_reference=account or named,
        customer_id=customer or 0,
        isp_id=Names(connected.channels).isp_id(isp) if isp else 0,
        assigned_by=by,
    )
    receipt = record(connected.channels.payments.AssignPayment(request).receipt)
    if as_json:
        print_json(receipt)
        return
    where = account or named or (in_words(likeliest) if suggested else f"customer {customer}")
    say(f"{receipt['trans_id']} is placed on {where}: {receipt['outcome'].replace('_', ' ')}.")
    remark(f"`rejesha payment show {receipt['trans_id']}` tells how it goes on.")


@click.command("dismiss")
@with_code
@click.option("--reason", required=True, help="Why nobody is credited: sent back to the payer, a reversal, …")
@with_author
@with_json
@with_connections
def dismiss(connected: Connections, code: str, reason: str, by: str, as_json: bool) -> None:
    """Close an unmatched payment without crediting anybody: its money went back, or it was none.

    Should that have been wrong, `rejesha payment assign` still places it.
    """
    request = DismissPaymentRequest(trans_id=code, dismissed_by=by, reason=reason)
    receipt = record(connected.channels.payments.DismissPayment(request).receipt)
    if as_json:
        print_json(receipt)
    else:
        say(f"{code} is dismissed: nobody is credited.")


def suggestions(connected: Connections, codes: Sequence[str]) -> dict[str, Record]:
    """Whose held payments may be, by TransID: `suggestions`, likeliest first, and whether the first is `clear`."""
    found: dict[str, Record] = {}
    for first in range(0, len(codes), _AT_ONCE):
        request = SuggestAccountsRequest(trans_ids=codes[first : first + _AT_ONCE])
        for one in connected.channels.payments.SuggestAccounts(request).payments:
            found[one.trans_id] = record(one)
    return found


def in_words(suggestion: Record) -> str:
    """An account that is suggested, whose it is, and why."""
    account = suggestion["account_reference"] or f"customer {suggestion['customer_id']}"
    return f"{account} ({suggestion['name'] or '-'}): {'; '.join(suggestion['reasons'])}"


def _likeliest(connected: Connections, code: str) -> Record:
    found = suggestions(connected, [code]).get(code, {"suggestions": [], "clear": False})
    if found["clear"]:
        likeliest: Record = found["suggestions"][0]
        return likeliest
    if not found["suggestions"]:
        raise CommandFailed(f"nothing speaks for any account: find out whose it is (`rejesha payment show {code}`).")
    these = " | ".join(map(in_words, found["suggestions"]))
    raise CommandFailed(f"more than one account is as likely, so name one: {these}.")
