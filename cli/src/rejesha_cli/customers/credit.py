"""`rejesha customer credit`: what is kept for a customer, how that came, and its being paid out."""

import click
from rejesha.billing.v1.ledger_service_pb2 import (
    ListTransfersRequest,
    PayOutCreditRequest,
    PayOutCreditResponse,
    TakeBackPayoutRequest,
    TakeBackPayoutResponse,
)
from rejesha.billing.v1.line_service_pb2 import GetLineRequest, LineOwner
from servicekit.money import grouped

from rejesha_cli.changes import with_reason
from rejesha_cli.context import Connections, with_author, with_connections, with_json, with_limit
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import Column, moment, money, print_json, say, show_table

_TRANSFERS = (
    Column("When", "create_time", moment), Column("Key", "key"), Column("Kind", "kind"),
    Column("From", "from_account"), Column("To", "to_account"), Column("KES", "amount", money), Column("By", "actor"),
)  # fmt: skip


@click.command("credit")
@click.argument("account")
@click.option("--pay-out", is_flag=True, help="Note that all of it was paid out to the customer.")
@click.option("--take-back", is_flag=True, help="Keep again what was paid out: it was not, after all.")
@with_reason
@with_author
@with_limit
@with_json
@with_connections
def credit(  # noqa: PLR0913
    connected: Connections,
    account: str,
    *,
    pay_out: bool,
    take_back: bool,
    reason: str,
    by: str,
    limit: int,
    as_json: bool,
) -> None:
    """Show what is kept for a customer, and how that came; or note that it was paid out.

    A closed customer's credit goes out in no other way. Somebody hands the money over; here it leaves the books.
    """
    if pay_out and take_back:
        raise click.UsageError("either --pay-out or --take-back")
    ledger = connected.channels.ledger
    if pay_out:
        out = ledger.PayOutCredit(PayOutCreditRequest(account_name=account, actor=by, reason=reason))
        _moved(account, "paid out", out, as_json=as_json)
    elif take_back:
        back = ledger.TakeBackPayout(TakeBackPayoutRequest(account_name=account, actor=by, reason=reason))
        _moved(account, "kept again", back, as_json=as_json)
    else:
        _show(connected, account, limit, as_json=as_json)


def _moved(account: str, what: str, done: PayOutCreditResponse | TakeBackPayoutResponse, *, as_json: bool) -> None:
    if as_json:
        print_json(record(done))
    else:
        say(f"KES {grouped(done.amount_cents)} of {account} are {what}; KES {grouped(done.credit_cents)} are kept now.")


def _show(connected: Connections, account: str, limit: int, *, as_json: bool) -> None:
    owner = LineOwner(account_name=account)
    line = connected.channels.lines.GetLine(GetLineRequest(owner=owner)).line

    def fetch(size: int, token: str) -> object:
        name = f"credit:{line.customer_id}"
        return connected.channels.ledger.ListTransfers(
            ListTransfersRequest(account=name, page_size=size, page_token=token)
        )

    transfers, more = read_pages(fetch, "transfers", limit)
    if as_json:
        print_json({"customer_id": line.customer_id, "credit": record(line)["credit"], "transfers": transfers})
        return
    say(f"KES {grouped(line.credit_cents)} are kept for {line.account_name} (customer {line.customer_id}).")
    show_table("How it came and went", _TRANSFERS, transfers)
    if more:
        say(f"There are more than {limit}.")
