"""Queries on payments that are held."""

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.payments.rules import Outcome, UnmatchedReason
from billing.schema import paybill_payments

_p = paybill_payments.c


def dismiss(connection: Connection, trans_id: str) -> None:
    """Close an unmatched payment."""
    unmatched = sa.update(paybill_payments).where(_p.trans_key == trans_id, _p.outcome == Outcome.UNMATCHED)
    connection.execute(unmatched.values(outcome=Outcome.DISMISSED, unmatched_reason=None))


def find_wanting(connection: Connection) -> list[tuple[str, str]]:
    """TransID and reference of what is held because a customer's record lacks the package or the ISP, oldest first."""
    query = sa.select(_p.trans_key, _p.BillRefNumber).where(
        _p.outcome == Outcome.UNMATCHED,
        _p.unmatched_reason.in_((UnmatchedReason.PACKAGE_NOT_SET, UnmatchedReason.ISP_NOT_FOUND)),
    )
    return [(row.trans_key, row.BillRefNumber or "") for row in connection.execute(query.order_by(_p.id))]
