"""Queries on tasks that could not be done."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.failures.rules import Failed
from billing.notices.rules import Variant
from billing.payees.rules import Line
from billing.payments.rules import TimelineEntry
from billing.schema import payment_debug_log, tasks
from billing.tasks import rules
from billing.tasks.rules import Task, TaskKind, TaskState
from billing.tasks.store import NOT_LEASED, RELEASE

_t = tasks.c
_ids: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
_FAIL = RELEASE.values(attempts=_t.attempts + 1, failures=_t.failures + 1)
_other = tasks.alias("other")
# A question for each router that ends at the first task found: thousands may wait for one.
_FIND_PROBED = sa.select(_t.id).where(
    _t.id.in_(_ids),
    sa.select(_other.c.id)
    .where(
        _other.c.router_id == _t.router_id,
        _other.c.state == TaskState.OPEN,
        _other.c.leased_by.is_(None),
        _other.c.due_time <= sa.bindparam("until"),
    )
    .limit(1)
    .correlate(tasks)
    .scalar_subquery()
    .is_not(None),
)


def note_errors(writes: Writes, errors: Mapping[int, str]) -> None:
    """Note what went wrong last, by the tasks' ids."""
    writes.update(_t.last_error, _t.id, {task_id: error[:255] for task_id, error in errors.items()})


def fail(connection: Connection, writes: Writes, failed: Collection[Failed]) -> None:
    """Count a failed attempt at each of these locked tasks, and let them be due again."""
    if failed:
        connection.execute(_FAIL, {"ids": sorted(one.task.task_id for one in failed)})
    note_errors(writes, {one.task.task_id: one.error for one in failed})
    writes.update(_t.due_time, _t.id, {one.task.task_id: one.due_time for one in failed})


def find_probed(connection: Connection, task_ids: Collection[int], until: datetime) -> set[int]:
    """Those of these tasks whose router another one, not leased now, is due to try until then."""
    query = {"ids": sorted(task_ids), "until": until}
    return set(connection.execute(_FIND_PROBED, query).scalars()) if task_ids else set()


def reopen(
    connection: Connection, task_ids: Collection[int], now: datetime, expire_time: datetime, line: Line | None = None
) -> None:
    """Open ended tasks again; an access task is for `line` from then on."""
    values: dict[str, Any] = {"state": TaskState.OPEN, "due_time": now, "expire_time": expire_time, "end_time": None}
    values |= _columns(line) if line else {}
    if ids := sorted(task_ids):
        connection.execute(sa.update(tasks).where(_t.id.in_(ids)).values(failures=0, **values, **NOT_LEASED))


def find_faulty(connection: Connection, router_ids: Collection[int]) -> set[tuple[int, str]]:
    """The routers among these for which open tasks wait that failed, and as what: the first word of the last error."""
    query = sa.select(_t.router_id, _t.last_error).distinct()
    query = query.where(_t.router_id.in_(router_ids), _t.state == TaskState.OPEN, _t.failures > 0)
    rows = connection.execute(query) if router_ids else ()
    return {(row.router_id, row.last_error.partition(":")[0]) for row in rows}


def call_it_a_fault(connection: Connection, trans_ids: Collection[str]) -> None:
    """Messages of these payments that wait will not say that the router is away; when they are due stays."""
    waiting = _t.kind == TaskKind.SEND_MESSAGES, _t.state == TaskState.OPEN, _t.variant == Variant.WAITING
    if trans_ids:
        change = sa.update(tasks).where(_t.trans_id.in_(trans_ids), *waiting)
        connection.execute(change.values(variant=Variant.GIVEN_UP))


def move(connection: Connection, moved: Collection[Task]) -> None:
    """Note the lines that locked tasks are about now."""
    for task in moved:
        assert isinstance(task.work, Line)
        change = sa.update(tasks).where(_t.id == task.task_id)
        connection.execute(change.values(failures=0, **_columns(task.work)))


def _columns(line: Line) -> dict[str, Any]:
    wanted = {"line_wanted": line.wanted, "line_version": line.version}
    return {"router_id": line.router_id, "payload": rules.payload_of(line)} | wanted


def missing_from_timeline(connection: Connection, entries: Collection[TimelineEntry]) -> list[TimelineEntry]:
    """Those of these entries that no timeline has yet with the same message."""
    columns = payment_debug_log.c
    query = sa.select(columns.transaction_id, columns.category, columns.message).where(
        columns.transaction_id.in_({entry.trans_id for entry in entries}),
        columns.category.in_({entry.category for entry in entries}),
    )
    written = {tuple(row) for row in connection.execute(query)} if entries else set()
    return [entry for entry in entries if (entry.trans_id, entry.category, entry.message) not in written]
