"""The query on what came in, and on the balances that came with it."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.gaps.rules import Point
from billing.schema import paybill_payments

_p = paybill_payments.c
_LENGTH = len("YYYYMMDDHHmmss")


def query(received_from: datetime, first: str, last: str, shortcode: str) -> sa.Executable:
    """Payments that came in from a moment on and are dated between two times, as M-Pesa writes them."""
    found = sa.select(_p.BusinessShortCode, _p.TransTime, _p.TransID, _p.TransAmount, _p.OrgAccountBalance).where(
        _p.received_at >= received_from,
        _p.TransTime.between(first, last),
        sa.func.length(_p.TransTime) == _LENGTH,
        # No money came with a notice of a reversal: see payments.settlement.
        sa.func.lower(sa.func.coalesce(_p.TransactionType, "")).not_like("%revers%"),
    )
    found = found.where(_p.BusinessShortCode == shortcode) if shortcode else found
    # Left to choose, MySQL reads all payments where the span is long.
    by_time = found.with_hint(paybill_payments, "FORCE INDEX (ix_paybill_payments_received_at)", "mysql")
    return by_time.order_by(_p.BusinessShortCode, _p.TransTime)


def read(connection: Connection, received_from: datetime, first: str, last: str, shortcode: str) -> Iterator[Point]:
    """The payments that `query` finds, by shortcode and time."""
    streamed = connection.execution_options(yield_per=1000)
    with streamed.execute(query(received_from, first, last, shortcode)) as rows:
        for code, time, trans_id, cents, balance in rows:
            yield Point(code or "", time, trans_id or "", cents or 0, balance)
