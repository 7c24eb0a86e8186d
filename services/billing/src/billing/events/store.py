"""Queries that find a customer's events, newest first: each by an index, a page of each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.moments import UtcDateTime
from sqlalchemy import Connection

from billing.changes.rules import TAKEN_BACK, Noun
from billing.changes.store import read_changes
from billing.events.rules import Event, PaymentMade, Place, Source, Step
from billing.lines.rules import tasks_prefix
from billing.payments.rules import Outcome
from billing.schema import account_changes, paybill_payments, payment_debug_log, payment_deliveries

_p, _a, _d, _r = paybill_payments.c, account_changes.c, payment_debug_log.c, payment_deliveries.c
# MySQL rounds what a predecessor's table has of it to a second, and a router answers sooner.
_RECEIVED: sa.ColumnElement[datetime] = sa.type_coerce(
    sa.func.coalesce(
        sa.select(sa.func.min(_r.receive_time)).where(_r.trans_id == _p.trans_key).scalar_subquery(), _p.received_at
    ),
    UtcDateTime,
)
_LOGGED: sa.ColumnElement[datetime] = sa.type_coerce(sa.func.coalesce(_d.create_time, _d.created_at), UtcDateTime)
# Steps of more payments than these, the newest, are not told; nobody has so many.
_PAYMENTS = 1000
_DATES = "PROCESSING_COMPLETE"
STEPS = (
    "RECONNECTION_SUCCESS", "RECONNECTION_FAILED", "DISCONNECTION_SUCCESS", "DISCONNECTION_FAILED", "MIKROTIK_FAILED",
    "NO_ROUTER_CONFIG", "CREDIT_KEPT", "CREDIT_SPENT", "PAYMENT_UNASSIGNED", "PAYMENT_REVERSED",
)  # fmt: skip
Query = sa.Select[Any]


def find_payments(
    connection: Connection, customer_id: int, since: datetime | None, before: Place | None, limit: int
) -> list[Event]:
    """Payments that are placed on the customer, and that were."""
    taken = _taken_back(connection, customer_id)
    rows = connection.execute(payments_query(customer_id, taken, since, before, limit)).all()
    left = {row.trans_key: taken[row.trans_key] for row in rows if row.customer_id != customer_id}
    dates = _dates(connection, [row.trans_key for row in rows], left)
    return [Event(Place(row.moment, Source.PAYMENT, row.id), _payment(row, dates, left)) for row in rows]


def payments_query(
    customer_id: int, taken: Collection[str], since: datetime | None, before: Place | None, limit: int
) -> Query:
    """Whole rows of payments, with their moment; those that have none have no place. `taken`: their TransIDs."""
    theirs = _p.customer_id == customer_id
    theirs = sa.or_(theirs, _p.trans_key.in_(sorted(taken))) if taken else theirs
    query = sa.select(paybill_payments, _RECEIVED.label("moment")).where(theirs, _p.received_at.is_not(None))
    return _page(query, (_RECEIVED, _p.id), Source.PAYMENT, since, before, limit)


def _taken_back(connection: Connection, customer_id: int) -> Mapping[str, datetime]:
    """The payments that were placed on the customer until somebody took them back, and when that last was."""
    query = sa.select(_a.old_value, _a.create_time).where(
        _a.noun == Noun.CUSTOMER, _a.noun_id == customer_id, _a.field == TAKEN_BACK
    )
    return {row.old_value: row.create_time for row in connection.execute(query.order_by(_a.id))}


def find_changes(
    connection: Connection, customer_id: int, since: datetime | None, before: Place | None, limit: int
) -> list[Event]:
    """What was changed on the customer's record, and of what is wanted of the line."""
    found = read_changes(connection, changes_query(customer_id, since, before, limit))
    return [Event(Place(one.create_time, Source.CHANGE, one.change_id), one) for one in found]


def changes_query(customer_id: int, since: datetime | None, before: Place | None, limit: int) -> Query:
    """Whole rows of changes."""
    query = sa.select(account_changes).where(_a.noun == Noun.CUSTOMER, _a.noun_id == customer_id)
    return _page(query, (_a.create_time, _a.id), Source.CHANGE, since, before, limit)


def find_steps(
    connection: Connection, customer_id: int, since: datetime | None, before: Place | None, limit: int
) -> list[Event]:
    """What routers answered, and what was kept or taken back, of the customer's payments and of the line."""
    placed = sa.select(_p.trans_key).where(_p.customer_id == customer_id).order_by(_p.id.desc()).limit(_PAYMENTS)
    trans_ids = connection.execute(placed).scalars().all()
    taken = {one: until for one, until in _taken_back(connection, customer_id).items() if one not in trans_ids}
    return [
        Event(Place(row.moment, Source.STEP, row.id), Step(row.transaction_id, row.category, row.message))
        for row in connection.execute(steps_query(customer_id, trans_ids, taken, since, before, limit))
    ]


def steps_query(
    customer_id: int,
    trans_ids: Collection[str],
    taken: Mapping[str, datetime],
    since: datetime | None,
    before: Place | None,
    limit: int,
) -> Query:
    """Entries with their moment. The payments are named: an adopted log has another collation than its payments. Of
    those that were taken back what came later is another's.
    """
    of_line = _d.transaction_id.startswith(tasks_prefix(customer_id), autoescape=True)
    until = [sa.and_(_d.transaction_id == one, moment >= _LOGGED) for one, moment in taken.items()]
    theirs = sa.or_(*([_d.transaction_id.in_(trans_ids)] if trans_ids else []), *until, of_line)
    query = sa.select(_d.id, _d.transaction_id, _d.category, _d.message, _LOGGED.label("moment"))
    return _page(query.where(theirs, _d.category.in_(STEPS)), (_LOGGED, _d.id), Source.STEP, since, before, limit)


def _page(
    query: Query,
    order: tuple[sa.ColumnElement[datetime], sa.ColumnElement[int]],
    source: Source,
    since: datetime | None,
    before: Place | None,
    limit: int,
) -> Query:
    time, row_id = order
    if since:
        query = query.where(time >= since)
    if before and source is before.source:
        query = query.where(sa.or_(time < before.time, sa.and_(time == before.time, row_id < before.row_id)))
    elif before:
        query = query.where(time <= before.time if source < before.source else time < before.time)
    return query.order_by(time.desc(), row_id.desc()).limit(limit)


def _dates(
    connection: Connection, trans_ids: Sequence[str], left: Mapping[str, datetime]
) -> Mapping[str, Mapping[str, Any]]:
    """What the log says of the dates that payments moved; of one that was placed again, the last: before it `left`."""
    query = sa.select(_d.transaction_id, _d.details, _LOGGED.label("moment"))
    query = query.where(_d.transaction_id.in_(trans_ids), _d.category == _DATES)
    rows = connection.execute(query.order_by(_d.id)) if trans_ids else ()
    return {
        row.transaction_id: _facts(row.details)
        for row in rows
        if row.transaction_id not in left or row.moment <= left[row.transaction_id]
    }


def _facts(details: str | None) -> Mapping[str, Any]:
    """The predecessor's may be anything."""
    try:
        facts = orjson.loads(details or "{}")
    except orjson.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _payment(row: Any, dates: Mapping[str, Mapping[str, Any]], left: Collection[str]) -> PaymentMade:
    facts, is_left = dates.get(row.trans_key, {}), row.trans_key in left
    placed = Outcome.CUSTOMER_PAID if facts.get("due_date") else Outcome.CUSTOMER_PARTIAL
    return PaymentMade(
        row.TransID or "",
        row.TransAmount or 0,
        placed if is_left else Outcome.of_row(row.outcome),
        row.BillRefNumber or "",
        str(facts.get("previous_due_date") or ""),
        str(facts.get("due_date") or ""),
        is_left,
    )
