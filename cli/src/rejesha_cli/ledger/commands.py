"""`rejesha ledger …`: where money is, how it came there, and whether the books are right."""

from datetime import datetime

import click
from rejesha.billing.v1.ledger_service_pb2 import CheckLedgerRequest, ListLedgerAccountsRequest, ListTransfersRequest

from rejesha_cli.context import DAY, Connections, with_connections, with_csv, with_json, with_limit
from rejesha_cli.ledger.gaps import gaps
from rejesha_cli.ledger.statement import statement
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import Column, moment, money, print_json, remark, say, show_list

_ACCOUNTS = (Column("Account", "name"), Column("Balance KES", "balance", money))
_TRANSFERS = (
    Column("When", "create_time", moment),
    Column("Key", "key"),
    Column("Kind", "kind"),
    Column("From", "from_account"),
    Column("To", "to_account"),
    Column("KES", "amount", money),
    Column("By", "actor"),
)
# It reads every payment and every transfer.
_CHECK_SECONDS = 600


@click.group(help="Where money is, and how it came there.")
def ledger() -> None:
    """Only holds its commands."""


@ledger.command("accounts")
@with_csv
@with_json
@with_connections
def accounts(connected: Connections, *, as_json: bool, as_csv: bool) -> None:
    """List every account with its balance; together they are nothing."""
    found = connected.channels.ledger.ListLedgerAccounts(ListLedgerAccountsRequest()).accounts
    show_list("accounts", _ACCOUNTS, ([record(one) for one in found], False), as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        remark("paybill: what M-Pesa holds for us, as what it owes; held: `rejesha payment unmatched`.")


@ledger.command("transfers")
@click.option("--account", default="", help="From or to this account, such as wallet:1 or held.")
@click.option("--payment", "trans_id", default="", metavar="TRANSID", help="Of this payment.")
@click.option("--from", "start", type=DAY, help="From this day on.")
@click.option("--until", "end", type=DAY, help="Before this day.")
@with_limit
@with_csv
@with_json
@with_connections
def transfers(  # noqa: PLR0913
    connected: Connections,
    *,
    account: str,
    trans_id: str,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List what moved, oldest first."""

    def fetch(size: int, token: str) -> object:
        return connected.channels.ledger.ListTransfers(
            ListTransfersRequest(
                account=account, trans_id=trans_id, start_time=start, end_time=end, page_size=size, page_token=token
            )
        )

    show_list("transfers", _TRANSFERS, read_pages(fetch, "transfers", limit), as_json=as_json, as_csv=as_csv)


@ledger.command("check")
@with_json
@with_connections
def check(connected: Connections, as_json: bool) -> int:
    """Compare the ledger with payments and wallets; exits with 1 when something is wrong."""
    faults = list(connected.channels.ledger.CheckLedger(CheckLedgerRequest(), timeout=_CHECK_SECONDS).faults)
    if as_json:
        print_json({"faults": faults})
    for fault in faults if not as_json else ():
        say(f"Wrong: {fault}.")
    if not faults and not as_json:
        say("The books are right: accounts sum to nothing, wallets and payments agree with their transfers.")
    return 1 if faults else 0


ledger.add_command(statement)
ledger.add_command(gaps)
