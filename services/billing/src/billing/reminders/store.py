"""Queries on who is to be reminded, and who was."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.payees.rules import Customer
from billing.payees.store import get_customers
from billing.reminders.rules import FIELDS
from billing.schema import isps, line_policies, pppoe_users, reminders

_c, _r, _p = pppoe_users.c, reminders.c, line_policies.c
_CLOSED_ISPS = sa.select(isps.c.id).where(isps.c.closed_at.is_not(None))
_DECIDED_APART = (
    sa.select(_p.id).where(_p.noun == Noun.CUSTOMER, _p.noun_id == _c.id, _p.field.in_(FIELDS)).exists()
)  # fmt: skip


def find_due(
    connection: Connection,
    due_date: date,
    today: date,
    isp_ids: Collection[int],
    customer_ids: Collection[int],
    limit: int,
) -> Sequence[Customer]:
    """Who is paid until `due_date` and was not reminded of it today: of these ISPs those for whom nothing else was
    decided, and these customers. Nobody who is closed, has paused, was cut by staff, or has no package to be paid for.
    """
    told = sa.select(_r.id).where(
        _r.due_date == due_date, _r.day_offset == (today - due_date).days, _r.customer_id == _c.id
    )
    query = sa.select(_c.id).where(
        _c.next_payment_date == due_date,
        _c.closed_at.is_(None),
        _c.line_hold.is_(None),
        _c.amount > 0,
        sa.or_(sa.and_(_c.isp_id.in_(isp_ids), ~_DECIDED_APART), _c.id.in_(customer_ids)),
        sa.func.coalesce(_c.isp_id, 0).not_in(_CLOSED_ISPS),
        ~told.exists(),
    )
    ids = connection.execute(query.order_by(_c.id).limit(limit)).scalars().all()
    return list(get_customers(connection, ids).values())


def insert(writes: Writes, reminded: Collection[Customer], today: date, now: datetime) -> None:
    """Keep that these were reminded of their due date today. Whoever does so at the same time has the same key."""
    rows = [
        {
            "due_date": one.next_payment_date,
            "day_offset": (today - one.next_payment_date).days,
            "customer_id": one.customer_id,
            "create_time": now,
        }
        for one in reminded
        if one.next_payment_date
    ]
    writes.insert(reminders, rows)


def forget(connection: Connection, before: date) -> None:
    """Delete what was told of due dates that are long over."""
    connection.execute(sa.delete(reminders).where(_r.due_date < before))
