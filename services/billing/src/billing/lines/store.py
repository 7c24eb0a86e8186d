"""Queries on what is wanted of lines, and on what their routers were last known to hold."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.lines.rules import Switch, Wanted
from billing.payees import store as payees
from billing.payees.rules import Customer, Line, LineState
from billing.schema import isps, pppoe_users, tasks
from billing.tasks.rules import TaskKind, TaskState

_c, _t = pppoe_users.c, tasks.c
_CLOSED_ISPS = sa.select(isps.c.id).where(isps.c.closed_at.is_not(None))
_FIND_WITH_LINES = payees.FIND_ALL.where(
    _c.username.in_(sa.bindparam("usernames", expanding=True)),
    _c.router_id.in_(sa.bindparam("router_ids", expanding=True)),
    _c.closed_at.is_(None),
    sa.func.coalesce(_c.isp_id, 0).not_in(_CLOSED_ISPS),
).order_by(_c.id)


@dataclass(frozen=True, slots=True)
class Reported:
    """What a router was last known to hold, of which version, and since when that is known. `active`: see status."""

    state: LineState | None
    version: int
    time: datetime | None


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that asks for a line, until it is done or comes to its end."""

    task_id: int
    customer_id: int
    leased: bool
    end: datetime


def find_doubtful(connection: Connection, today: date, after_id: int, limit: int) -> Sequence[int]:
    """The ids, in order, of customers of whose line perhaps something else is wanted than is noted: on though the due
    date is over, off though it is not, and nothing noted at all. Nobody of an ISP that is closed.
    """
    doubtful = sa.or_(
        sa.and_(_c.next_payment_date < today, sa.func.coalesce(_c.line_wanted, "") != LineState.OFF),
        sa.and_(_c.next_payment_date >= today, sa.func.coalesce(_c.line_wanted, "") != LineState.ON),
    )
    query = sa.select(_c.id).where(
        doubtful, _c.id > after_id, sa.func.coalesce(_c.isp_id, 0).not_in(_CLOSED_ISPS)
    )  # fmt: skip
    return connection.execute(query.order_by(_c.id).limit(limit)).scalars().all()


def get_with_lines(connection: Connection, lines: Collection[Line]) -> Sequence[Customer]:
    """The customers with one of these lines, in any case; none who is closed, or whose ISP is."""
    if not lines:
        return ()
    usernames, router_ids = {one.username for one in lines}, {one.router_id for one in lines}
    values: dict[str, Collection[object]] = {"usernames": sorted(usernames), "router_ids": sorted(router_ids)}
    return list(payees.find_customers(connection, _FIND_WITH_LINES, values).values())


def want(writes: Writes, switches: Iterable[Switch]) -> None:
    """Note what is wanted."""
    versions: dict[Wanted, dict[int, int]] = defaultdict(dict)
    for one in switches:
        versions[one.after][one.customer.customer_id] = one.version
    for wanted, some in versions.items():
        also = {_c.line_wanted: wanted.state, _c.line_reason: wanted.reason}
        writes.update(_c.line_version, _c.id, some, also)


def set_hold(connection: Connection, customer: Customer) -> None:
    """Note whether staff keep a line off, and the due date that comes of it."""
    values = {
        "line_hold": customer.hold,
        "line_hold_since": customer.hold_since,
        "next_payment_date": customer.next_payment_date,
        "due_day": customer.due_day,
    }
    connection.execute(sa.update(pppoe_users).where(_c.id == customer.customer_id).values(**values))


def get_reported(connection: Connection, customer_id: int, sharers: Collection[int] = ()) -> Reported:
    """What the line's router was last known to hold, perhaps by a report on another customer whose line it is too; of
    which version of its own. A predecessor's word has none.
    """
    query = sa.select(_c.id, _c.status, _c.line_reported, _c.line_reported_version, _c.line_report_time)
    rows = {row.id: row for row in connection.execute(query.where(_c.id.in_([customer_id, *sharers])))}
    own = rows[customer_id]
    dated = [row for row in rows.values() if row.line_report_time]
    last = max(dated, key=lambda row: (row.line_report_time, row is own), default=own)
    state = last.line_reported or {"active": LineState.ON, "inactive": LineState.OFF}.get(last.status or "")
    return Reported(LineState(state) if state else None, own.line_reported_version or 0, last.line_report_time)


def find_tasks(connection: Connection, customer_ids: Collection[int]) -> list[OpenTask]:
    """The open tasks of these customers' lines."""
    waits = _t.kind == TaskKind.SET_ACCESS, _t.state == TaskState.OPEN, _t.customer_id.in_(sorted(customer_ids))
    query = sa.select(_t.id, _t.customer_id, _t.leased_by, _t.expire_time).where(*waits)
    rows = connection.execute(query) if customer_ids else ()
    return [OpenTask(row.id, row.customer_id, row.leased_by is not None, row.expire_time) for row in rows]


def prolong(writes: Writes, ends: Mapping[int, datetime]) -> None:
    """Let tasks end later, by their ids."""
    writes.update(_t.expire_time, _t.id, ends)


def find_open(connection: Connection, customer_ids: Collection[int]) -> Mapping[int, str]:
    """Those of these customers for whose line a task is open, with what went wrong last."""
    waits = _t.kind == TaskKind.SET_ACCESS, _t.state == TaskState.OPEN, _t.customer_id.in_(customer_ids)
    rows = connection.execute(sa.select(_t.customer_id, _t.last_error).where(*waits)) if customer_ids else ()
    return {row.customer_id: row.last_error for row in rows}
