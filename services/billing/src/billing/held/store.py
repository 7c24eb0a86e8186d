"""Queries on payments that are held."""

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.payments.rules import Outcome
from billing.schema import paybill_payments

_p = paybill_payments.c


def dismiss(connection: Connection, trans_id: str) -> None:
    """Close an unmatched payment."""
    unmatched = sa.update(paybill_payments).where(_p.trans_key == trans_id, _p.outcome == Outcome.UNMATCHED)
    connection.execute(unmatched.values(outcome=Outcome.DISMISSED, unmatched_reason=None))
