"""Queries on the deliveries that contradict a stored payment."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.schema import paybill_payments, payment_deliveries

_STORED = locks.UniqueLock(RowKind.PAYMENT, paybill_payments.c.TransAmount)


def lock_payments(connection: Connection, trans_ids: Collection[str], seconds: float | None = None) -> None:
    """Lock stored payments until the transaction ends.

    `seconds`: how long it may wait for others; then RowsLocked.
    """
    _STORED.rows(connection, trans_ids, seconds)


def find_reported(connection: Connection, trans_ids: Collection[str]) -> set[tuple[str, str]]:
    """(TransID, content) of the conflicting deliveries that were reported before."""
    deliveries = payment_deliveries.c
    query = sa.select(deliveries.trans_id, deliveries.content).where(
        deliveries.trans_id.in_(trans_ids), deliveries.conflicting.is_(True)
    )
    return {(row.trans_id, row.content) for row in connection.execute(query)}
