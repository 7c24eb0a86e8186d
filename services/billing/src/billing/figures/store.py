"""Queries on how much waits, bounded in time: nothing depends on their answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from servicekit.lock_waits import rows_within
from sqlalchemy import Connection

from billing.checks.tables import router_checks
from billing.payments.rules import Outcome
from billing.quarantine.rules import QuarantineState
from billing.schema import isp_credits, paybill_payments, pppoe_users, quarantine, tasks
from billing.tasks.rules import TaskKind, TaskState

_p, _t, _c, _q, _r = paybill_payments.c, tasks.c, isp_credits.c, quarantine.c, router_checks.c

# Of one query.
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, how much money that is, and since when the first one does."""

    count: int
    cents: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class DueTasks:
    kind: TaskKind
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingLines:
    """Paid lines on one router that were tried in vain; `since`: the first one's payment."""

    router_id: int
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Credits:
    isp_id: int
    sms: int
    whatsapp: int


def held_payments(connection: Connection) -> Waiting:
    """Payments that could not be placed."""
    query = sa.select(sa.func.count(), sa.func.sum(_p.TransAmount), sa.func.min(_p.received_at))
    ((count, cents, since),) = _rows(connection, query.where(_p.outcome == Outcome.UNMATCHED))
    return Waiting(count, int(cents or 0), since)


def open_callbacks(connection: Connection) -> Waiting:
    """Callbacks in quarantine that wait for a person; what they are worth is not known."""
    query = sa.select(sa.func.count(), sa.func.min(_q.create_time)).where(_q.state == QuarantineState.OPEN)
    ((count, since),) = _rows(connection, query)
    return Waiting(count, 0, since)


def due_tasks(connection: Connection, now: datetime) -> list[DueTasks]:
    """Tasks that could be carried out, or are being; kinds of which none is due are left out."""
    due = _t.kind.in_(list(TaskKind)), _t.state == TaskState.OPEN, _t.due_time <= now
    query = sa.select(_t.kind, sa.func.count(), sa.func.min(_t.due_time)).where(*due).group_by(_t.kind)
    return [DueTasks(TaskKind(kind), count, since) for kind, count, since in _rows(connection, query)]


def waiting_lines(connection: Connection, limit: int) -> list[WaitingLines]:
    """The routers for which most paid lines wait."""
    failed = _t.kind == TaskKind.SET_ACCESS, _t.state == TaskState.OPEN, _t.failures > 0
    count = sa.func.count()
    query = sa.select(_t.router_id, count, sa.func.min(_t.create_time)).where(*failed).group_by(_t.router_id)
    found = _rows(connection, query.order_by(count.desc(), _t.router_id).limit(limit))
    return [WaitingLines(router_id, lines, since) for router_id, lines, since in found]


def unchecked_since(connection: Connection) -> datetime | None:
    """Since when that router with lines was not compared that was not for longest."""
    has_lines = sa.exists().where(pppoe_users.c.router_id == _r.router_id, pppoe_users.c.username != "")
    query = sa.select(sa.func.min(sa.func.coalesce(_r.check_time, _r.create_time))).where(has_lines)
    ((since,),) = _rows(connection, query)
    return cast("datetime | None", since)


def lowest_credits(connection: Connection, limit: int) -> list[Credits]:
    """The credits of the ISPs that have fewest of either kind, those who never had any aside."""
    either = sa.case((_c.sms_credits < _c.whatsapp_credits, _c.sms_credits), else_=_c.whatsapp_credits)
    query = sa.select(_c.isp_id, _c.sms_credits, _c.whatsapp_credits).order_by(either, _c.isp_id).limit(limit)
    return [Credits(isp_id, sms or 0, whatsapp or 0) for isp_id, sms, whatsapp in _rows(connection, query)]


def _rows(connection: Connection, query: "sa.Select[*tuple[Any, ...]]") -> "list[Any]":
    return list(rows_within(connection, query, {}, seconds=_SECONDS))
