"""`rejesha payment assign`, `dismiss`: what is done about payments that are held."""

import click
from rejesha.billing.v1.payment_service_pb2 import AssignPaymentRequest, DismissPaymentRequest

from rejesha_cli.context import Connections, with_author, with_connections, with_json
from rejesha_cli.names import Names
from rejesha_cli.payments.arguments import with_code
from rejesha_cli.records import record
from rejesha_cli.tables import print_json, remark, say


@click.command("assign")
@with_code
@click.argument("account", metavar="[ACCOUNT]", default="")
@click.option("--account", "named", metavar="ACCOUNT", default="", help="The same, as an option.")
@click.option("--customer", type=click.IntRange(min=1), metavar="ID", default=None, help="The customer, by id.")
@click.option("--isp", default="", help="The ISP, by id or name, where the account or the customer does not tell.")
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
    by: str,
    as_json: bool,
) -> None:
    """Place an unmatched payment; everything follows as if it had been paid there at once.

    ACCOUNT is a customer's account, or an ISP's SMS, WA or ACC account. Where several customers have it, --customer
    says which one; where several ISPs have it, or the customer has none on record, --isp.
    """
    if sum(map(bool, (account, named, customer))) != 1:
        raise click.UsageError("Name one of ACCOUNT and --customer ID.")
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
    where = account or named or f"customer {customer}"
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
