"""`rejesha ledger gaps`: money that M-Pesa's balances tell of and no callback did."""

from datetime import datetime
from typing import Any

import click
from rejesha.billing.v1.ledger_service_pb2 import ListBalanceGapsRequest

from rejesha_cli.context import DAY, Connections, with_connections, with_csv, with_json, with_limit
from rejesha_cli.records import read_pages
from rejesha_cli.tables import Column, moment, money, remark, show_list

_COLUMNS = (
    Column("Shortcode", "shortcode"),
    Column("After", "after_trans_id"),
    Column("of", "after_time", moment),
    Column("Before", "before_trans_id"),
    Column("of", "before_time", moment),
    Column("Did not reach us KES", "missing", money),
    Column("Taken out KES", "taken_out", money),
)
# It reads every payment since then, for each page.
_SECONDS = 600


@click.command("gaps")
@click.option("--shortcode", default="", help="Only of this paybill or till.")
@click.option("--since", "start", type=DAY, help="From this day on; the last 24 hours when left out.")
@click.option("--missing-only", is_flag=True, help="Leave out what was taken out.")
@with_limit
@with_csv
@with_json
@with_connections
def gaps(
    connected: Connections,
    *,
    shortcode: str,
    start: datetime | None,
    missing_only: bool,
    limit: int,
    as_json: bool,
    as_csv: bool,
) -> int:
    """List where M-Pesa's balances and the payments that came disagree; exits with 1 if money is missing.

    More than came in: a callback never reached us. Less: money was taken out of the paybill.
    """

    def fetch(size: int, token: str) -> Any:
        asked = ListBalanceGapsRequest(
            shortcode=shortcode, start_time=start, missing_only=missing_only, page_size=size, page_token=token
        )
        return connected.channels.ledger.ListBalanceGaps(asked, timeout=_SECONDS)

    found, more = read_pages(fetch, "gaps", limit)
    show_list("gaps", _COLUMNS, (found, more), as_json=as_json, as_csv=as_csv)
    missing = [one for one in found if one["missing"] != "0.00"]
    if missing and not (as_json or as_csv):
        remark("What did not reach us stands on M-Pesa's statement of that time: `rejesha payment record` enters it.")
    return 1 if missing else 0
