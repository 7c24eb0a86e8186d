"""`rejesha ledger statement`: an ISP's wallet over a span: what it held, each line, what it holds."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import click
from rejesha.billing.v1.ledger_service_pb2 import ListTransfersRequest, Transfer
from servicekit.money import in_shillings

from rejesha_cli.context import DAY, Connections, with_connections, with_csv, with_json
from rejesha_cli.names import Names
from rejesha_cli.records import MAX_PAGE_SIZE, Record, record
from rejesha_cli.tables import Column, moment, money, print_csv, print_json, show_table

_COLUMNS = (
    Column("When", "create_time", moment),
    Column("What", "what"),
    Column("M-Pesa code", "trans_id"),
    Column("In KES", "in", money),
    Column("Out KES", "out", money),
    Column("Balance KES", "balance", money),
    Column("By", "actor"),
)


@click.command("statement")
@click.argument("isp", metavar="ISP")
@click.option("--from", "start", type=DAY, required=True, help="From this day on.")
@click.option("--until", "end", type=DAY, help="Before this day; up to now when left out.")
@with_csv
@with_json
@with_connections
def statement(
    connected: Connections, *, isp: str, start: datetime, end: datetime | None, as_csv: bool, as_json: bool
) -> None:
    """Show an ISP's wallet over a span: what it held, each line, what it holds. ISP is its id or its name."""
    account = f"wallet:{Names(connected.channels).isp_id(isp)}"
    opening, found = _transfers(connected, account, start, end)
    lines = list(_lines(account, opening, found))
    if as_json:
        print_json({"account": account, "lines": lines})
    elif as_csv:
        print_csv(_COLUMNS, lines)
    else:
        show_table(f"Statement of {account}", _COLUMNS, lines)


def _transfers(
    connected: Connections, account: str, start: datetime, end: datetime | None
) -> tuple[int, Sequence[Transfer]]:
    """What the account held at the start, and all that moved on it."""
    found: list[Transfer] = []
    opening, token = None, ""
    while opening is None or token:
        asked = ListTransfersRequest(
            account=account, start_time=start, end_time=end, page_size=MAX_PAGE_SIZE, page_token=token
        )
        page = connected.channels.ledger.ListTransfers(asked)
        opening = page.opening_balance_cents if opening is None else opening
        found += page.transfers
        token = page.next_page_token
    # Those that a migration made afterwards are dated by their payments.
    return opening, sorted(found, key=lambda one: one.create_time.ToNanoseconds())


def _lines(account: str, opening: int, transfers: Sequence[Transfer]) -> Iterator[Record]:
    """The opening, a line for each transfer with the balance after it, the closing."""
    balance = opening
    yield _line("opening", balance)
    for transfer in transfers:
        comes = transfer.to_account == account
        balance += transfer.amount_cents if comes else -transfer.amount_cents
        one = record(transfer)
        yield _line(one["kind"], balance) | {
            "create_time": one["create_time"],
            "trans_id": transfer.trans_id,
            "in" if comes else "out": one["amount"],
            "actor": one["actor"] or None,
        }
    yield _line("closing", balance)


def _line(what: str, balance: int) -> Record:
    """A line without a movement; all lines have the same keys, as CSV wants them."""
    blank = dict.fromkeys(column.key for column in _COLUMNS)
    return blank | {"what": what, "balance": in_shillings(balance)}
