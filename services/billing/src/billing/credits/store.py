"""Queries on the credits for messages that ISPs buy."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.credits.rules import CreditPurchase, CreditsTaken
from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.schema import credit_transactions, isp_credits

_CREDITS = locks.UniqueLock(RowKind.CREDITS, isp_credits.c.sms_credits)


def buy(connection: Connection, purchases: Sequence[CreditPurchase], now: datetime, seconds: float | None) -> None:
    """Record purchases, and add them to the ISPs' credits.

    These stay locked until the transaction ends. `seconds`: how long that may wait for others; then RowsLocked.
    """
    _CREDITS.rows(connection, {bought.isp_id for bought in purchases}, seconds)
    connection.execute(sa.insert(credit_transactions), [_purchase(bought, now) for bought in purchases])
    totals: dict[int, list[int]] = {}
    for bought in purchases:
        total = totals.setdefault(bought.isp_id, [0, 0])
        total[bought.credit_type == "whatsapp"] += bought.count
    for isp_id, (sms, whatsapp) in sorted(totals.items()):
        _add(connection, isp_id, sms, whatsapp)


def take_back(connection: Connection, trans_id: str, now: datetime) -> Sequence[CreditsTaken]:
    """Take back what a payment bought. An ISP that has used them owes them."""
    columns = credit_transactions.c
    rows = connection.execute(sa.select(credit_transactions).where(columns.reference == trans_id)).all()
    left: dict[tuple[int, str, int], int] = {}
    for row in rows:
        kind = row.isp_id, row.credit_type, row.unit_price
        left[kind] = left.get(kind, 0) + row.amount
    taken = {kind: count for kind, count in left.items() if count > 0}
    for (isp_id, credit_type, unit_cents), count in taken.items():
        _CREDITS.rows(connection, {isp_id}, None)
        bought = CreditPurchase(isp_id, trans_id, credit_type, -count, unit_cents)
        kind_of_row = {"transaction_type": "reversal", "description": f"{count} {credit_type} credits taken back"}
        connection.execute(sa.insert(credit_transactions), [_purchase(bought, now) | kind_of_row])
        _add(connection, isp_id, *((-count, 0) if credit_type == "sms" else (0, -count)))
    return [CreditsTaken(kind, count, _left(connection, isp_id, kind)) for (isp_id, kind, _), count in taken.items()]


def _left(connection: Connection, isp_id: int, credit_type: str) -> int:
    column = isp_credits.c.sms_credits if credit_type == "sms" else isp_credits.c.whatsapp_credits
    return connection.execute(sa.select(column).where(isp_credits.c.isp_id == isp_id)).scalar_one() or 0


def _purchase(bought: CreditPurchase, now: datetime) -> dict[str, object]:
    return {
        "isp_id": bought.isp_id,
        "transaction_type": "purchase",
        "credit_type": bought.credit_type,
        "amount": bought.count,
        "unit_price": bought.unit_cents,
        "total_amount": bought.count * bought.unit_cents,
        "reference": bought.trans_id,
        "description": f"{bought.count} {bought.credit_type} credits by M-Pesa",
        "created_at": now,
    }


def _add(connection: Connection, isp_id: int, sms: int, whatsapp: int) -> None:
    columns = isp_credits.c
    changed = connection.execute(
        sa.update(isp_credits)
        .where(columns.isp_id == isp_id)
        .values(
            sms_credits=sa.func.coalesce(columns.sms_credits, 0) + sms,
            whatsapp_credits=sa.func.coalesce(columns.whatsapp_credits, 0) + whatsapp,
        )
    ).rowcount
    if not changed:
        row = {"isp_id": isp_id, "sms_credits": sms, "whatsapp_credits": whatsapp}
        connection.execute(sa.insert(isp_credits), [row])
