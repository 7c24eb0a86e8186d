"""`rejesha ledger statement`: an ISP's wallet over a span: what it held, each line, what it holds."""

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

import click
from rejesha.billing.v1.ledger_service_pb2 import ListTransfersRequest, Transfer
from servicekit.money import in_shillings

from rejesha_cli.context import Connections, ReadAs, with_connections, with_json
from rejesha_cli.records import MAX_PAGE_SIZE, NAIROBI, Record, record
from rejesha_cli.tables import Column, moment, money, print_json, show_table

_COLUMNS = (
    Column("When", "create_time", moment),
    Column("What", "what"),
    Column("M-Pesa code", "trans_id"),
    Column("In KES", "in", money),
    Column("Out KES", "out", money),
    Column("Balance KES", "balance", money),
)


def _day(text: str) -> datetime:
    """The beginning of a day in Nairobi."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=NAIROBI)
    except ValueError:
        raise ValueError(f"{text!r} is no day such as 2026-11-30") from None


DAY = ReadAs("YYYY-MM-DD", _day)


@click.command("statement")
@click.argument("isp_id", type=click.IntRange(min=1), metavar="ISP")
@click.option("--from", "start", type=DAY, required=True, help="From this day on.")
@click.option("--until", "end", type=DAY, help="Before this day; up to now when left out.")
@click.option("--csv", "as_csv", is_flag=True, help="Print lines that a spreadsheet reads.")
@with_json
@with_connections
def statement(
    connected: Connections, *, isp_id: int, start: datetime, end: datetime | None, as_csv: bool, as_json: bool
) -> None:
    """Show an ISP's wallet over a span: what it held, each line, what it holds. ISP is the ISP's id."""
    account = f"wallet:{isp_id}"
    opening, found = _transfers(connected, account, start, end)
    lines = list(_lines(account, opening, found))
    if as_json:
        print_json({"account": account, "lines": lines})
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, [column.key for column in _COLUMNS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines)
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
    return opening, found


def _lines(account: str, opening: int, transfers: Sequence[Transfer]) -> Iterator[Record]:
    """The opening, a line for each transfer with the balance after it, the closing."""
    yield {"what": "opening", "balance": in_shillings(opening)}
    balance = opening
    for transfer in transfers:
        comes = transfer.to_account == account
        balance += transfer.amount_cents if comes else -transfer.amount_cents
        one = record(transfer)
        yield {
            "create_time": one["create_time"],
            "what": one["kind"],
            "trans_id": transfer.trans_id,
            "in" if comes else "out": one["amount"],
            "balance": in_shillings(balance),
        }
    yield {"what": "closing", "balance": in_shillings(balance)}
