"""Queries on payments, timelines and tasks as they are on record: for operators, on no payment's way."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.moments import current_time
from sqlalchemy import Connection

from billing.lookup.rules import (
    Delivery,
    StoredEntry,
    StoredPayment,
    StoredTask,
    TaskCounts,
    WaitingRouter,
)
from billing.notices.rules import Variant
from billing.payments.rules import Outcome, UnmatchedReason
from billing.policies.rules import Language
from billing.policies.store import languages
from billing.schema import paybill_payments, payment_debug_log, payment_deliveries, tasks
from billing.tasks import rules
from billing.tasks.rules import TaskKind, TaskState
from billing.tasks.store import router_names

_p = paybill_payments.c
_t = tasks.c


def get_payment(connection: Connection, trans_id: str, *, lock: bool = False) -> StoredPayment | None:
    """One payment; with `lock` nobody else changes it until the transaction ends."""
    query = sa.select(paybill_payments).where(_p.trans_key == trans_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return _payment(row) if row else None


def read_payments(connection: Connection, query: sa.Executable) -> list[StoredPayment]:
    """The payments that a query of whole rows finds."""
    return [_payment(row) for row in connection.execute(query)]


def _payment(row: Any) -> StoredPayment:
    return StoredPayment(
        payment_id=row.id,
        trans_id=row.TransID or "",
        amount_cents=row.TransAmount or 0,
        business_short_code=row.BusinessShortCode or "",
        bill_ref_number=row.BillRefNumber or "",
        assigned_reference=row.assigned_reference or "",
        msisdn=row.MSISDN or "",
        first_name=row.FirstName or "",
        trans_time=row.TransTime or "",
        receive_time=row.received_at,
        outcome=Outcome.of_row(row.outcome),
        reason=UnmatchedReason.of_row(row.unmatched_reason),
        isp_id=row.isp_id,
        customer_id=row.customer_id,
    )


def count_unmatched(connection: Connection) -> int:
    """How many payments are held."""
    query = sa.select(sa.func.count()).where(_p.outcome == Outcome.UNMATCHED)
    return connection.execute(query).scalar_one()


def oldest_unmatched_time(connection: Connection) -> datetime | None:
    """When the oldest of them was received."""
    query = sa.select(_p.received_at).where(_p.outcome == Outcome.UNMATCHED).order_by(_p.id).limit(1)
    return connection.execute(query).scalar_one_or_none()


def list_deliveries(connection: Connection, trans_id: str) -> list[Delivery]:
    """A payment's deliveries, the applied one first."""
    query = sa.select(payment_deliveries).where(payment_deliveries.c.trans_id == trans_id)
    return [
        Delivery(row.receive_time, row.conflicting, row.callback_body, row.source_address)
        for row in connection.execute(query.order_by(payment_deliveries.c.id))
    ]


def list_timeline(connection: Connection, trans_id: str) -> list[StoredEntry]:
    """A payment's entries in order."""
    columns = payment_debug_log.c
    query = sa.select(payment_debug_log).where(columns.transaction_id == trans_id).order_by(columns.id)
    return [
        StoredEntry(row.create_time or row.created_at, row.category, row.message, row.details or "{}")
        for row in connection.execute(query)
    ]


def list_tasks(connection: Connection, trans_id: str) -> list[StoredTask]:
    """A payment's tasks, in order of creation."""
    now = current_time(connection)
    rows = [
        (row, rules.work_of(row.router_id, row.payload, row.line_wanted, row.line_version))
        for row in connection.execute(sa.select(tasks).where(_t.trans_id == trans_id).order_by(_t.id))
    ]
    names = router_names(connection, {work.router_id for _, work in rows if work.router_id})
    told = languages(connection, {row.customer_id for row, _ in rows if row.customer_id})
    return [
        _task(row, work, names.get(work.router_id or 0, ""), told.get(row.customer_id, Language.ENGLISH), now)
        for row, work in rows
    ]


def _task(row: "sa.Row[Any]", work: rules.Work, router_name: str, language: Language, now: datetime) -> StoredTask:
    is_open = row.state == TaskState.OPEN
    is_leased = is_open and row.lease_expire_time is not None and row.lease_expire_time > now
    return StoredTask(
        row.id, TaskKind(row.kind), row.trans_id, TaskState(row.state), row.attempts, row.create_time,
        max(row.due_time, now) if is_open and not is_leased else None, row.lease_expire_time if is_leased else None,
        row.end_time, row.last_error, Variant(row.variant) if row.variant else None, work, router_name, language,
    )  # fmt: skip


def count_tasks(connection: Connection, now: datetime) -> TaskCounts:
    """How many tasks are open, or given up though there is a point in them yet; the open ones from the index alone."""
    of_each_kind = _t.kind.in_(list(TaskKind))  # without it the index, which begins with the kind, is read as a whole
    is_open = sa.select(_t.kind, sa.func.count().label("n"), sa.func.min(_t.due_time).label("since"))
    rows = connection.execute(is_open.where(of_each_kind, _t.state == TaskState.OPEN).group_by(_t.kind)).all()
    given_up = sa.select(sa.func.count(), sa.func.min(_t.create_time))
    useful = of_each_kind, _t.state == TaskState.GIVEN_UP, _t.expire_time > now
    ((count, since),) = connection.execute(given_up.where(*useful))
    return TaskCounts(
        {TaskKind(row.kind): row.n for row in rows},
        count,
        {TaskKind(row.kind): row.since for row in rows if row.since <= now},
        since,
    )


def waiting_routers(connection: Connection, limit: int) -> list[WaitingRouter]:
    """The routers on which paid lines were tried in vain, those with most of them first."""
    count = sa.func.count()
    columns = _t.router_id, count, sa.func.min(_t.create_time), sa.func.max(_t.last_error)
    failed = _t.kind == TaskKind.SET_ACCESS, _t.state == TaskState.OPEN, _t.failures > 0
    query = sa.select(*columns).where(*failed).group_by(_t.router_id).order_by(count.desc(), _t.router_id).limit(limit)
    rows = connection.execute(query).all()
    names = router_names(connection, {row.router_id for row in rows})
    return [WaitingRouter(id_, names.get(id_, ""), lines, since, error) for id_, lines, since, error in rows]


def oldest_line_time(connection: Connection, now: datetime) -> datetime | None:
    """When the oldest task was created that has not switched its line on, while the paid time lasts."""
    waiting = (_t.kind == TaskKind.SET_ACCESS, _t.state.in_((TaskState.OPEN, TaskState.GIVEN_UP)), _t.expire_time > now)
    return connection.execute(sa.select(sa.func.min(_t.create_time)).where(*waiting)).scalar()
