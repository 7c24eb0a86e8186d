"""Queries on tasks: written with their payment, leased, ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.moments import clock, current_time
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.notices.rules import Notice, Variant
from billing.payees.rules import Line
from billing.schema import router_names as names_table
from billing.schema import tasks
from billing.tasks import rules
from billing.tasks.rules import NewTask, Task, TaskFilter, TaskKind, TaskState

_t = tasks.c
_r = names_table.c
# To read a column that nobody looks at costs as much as one that matters.
_COLUMNS = (
    _t.id, _t.trans_id, _t.customer_id, _t.router_id, _t.variant, _t.payload, _t.line_wanted, _t.line_version,
    _t.state, _t.fencing_token, _t.failures, _t.leased_by, _t.expire_time, _t.last_error, _t.create_time,
)  # fmt: skip

# Queries that follow every payment are made once: to make one takes longer than to carry it out.
_until: sa.BindParameter[datetime] = sa.bindparam("until")
_ids: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
_trans_ids: sa.BindParameter[str] = sa.bindparam("trans_ids", expanding=True)
_now: sa.BindParameter[datetime] = sa.bindparam("now")
_OPEN = sa.and_(
    _t.kind.in_(sa.bindparam("kinds", expanding=True)),
    _t.state == TaskState.OPEN,
    sa.or_(_t.router_id.is_(None), _t.router_id.not_in(sa.bindparam("busy", expanding=True))),
)
_FREE = sa.or_(_t.lease_expire_time.is_(None), _t.lease_expire_time <= clock())
# Left to choose, MySQL reads and locks all that waits for any other router than the busy ones, and sorts it.
_BY_DUE_TIME = "/*+ INDEX(tasks ix_tasks_kind_state_due_time_router_id) */"
_CLAIM = (
    sa.select(*_COLUMNS, clock().label("now"))
    .prefix_with(_BY_DUE_TIME, dialect="mysql")
    .where(_OPEN, _t.due_time <= clock(), _FREE)
    .order_by(_t.due_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
# A lease leaves `due_time` as it is: to move a task within two indexes and back costs more than the rest of a lease.
_LEASE = (
    sa.update(tasks)
    .where(_t.id.in_(_ids))
    .values(fencing_token=_t.fencing_token + 1, leased_by=sa.bindparam("owner"), lease_expire_time=_until)
)
NOT_LEASED: dict[str, Any] = {"leased_by": None, "lease_expire_time": None}
_LOCK = (
    sa.select(*_COLUMNS, clock().label("now"))
    .where(_t.id.in_(_ids))
    .order_by(_t.id)
    .with_for_update()
    .with_hint(tasks, "FORCE INDEX (PRIMARY)", "mysql")
)
RELEASE = sa.update(tasks).where(_t.id.in_(_ids)).values(**NOT_LEASED)
_END = RELEASE.values(state=sa.bindparam("end_state"), end_time=_now)
_END_TRIED = _END.values(attempts=_t.attempts + 1)
_MAKE_ROUTERS_DUE = (
    sa.update(tasks)
    .where(
        _t.router_id.in_(sa.bindparam("routers", expanding=True)),
        _t.state == TaskState.OPEN,
        _t.leased_by.is_(None),
        _t.due_time > _now,
    )
    .values(due_time=_now)
)
# Left to choose, MySQL walks through all open tasks sooner or later: half a second with a lock on each.
_BY_PAYMENT = "/*+ INDEX(tasks ix_tasks_trans_id) */"
_LOCK_WAITING = (
    sa.select(_t.id, _t.trans_id, _t.leased_by, _t.due_time)
    .prefix_with(_BY_PAYMENT, dialect="mysql")
    .where(
        _t.trans_id.in_(_trans_ids),
        _t.kind == TaskKind.SEND_MESSAGES,
        _t.state == TaskState.OPEN,
        _t.variant.in_((Variant.WAITING, Variant.GIVEN_UP)),
    )
    .order_by(_t.id)
    .with_for_update()
)

_ROUTER_NAMES = sa.select(_r.router_id, _r.name).where(_r.router_id.in_(_ids))


def insert(writes: Writes, new: Collection[NewTask], now: datetime) -> None:
    """Write those tasks in which there is something to do."""
    writes.insert(tasks, [_row(task, now) for task in new if task.has_work])


def insert_one(connection: Connection, task: NewTask, now: datetime) -> int:
    """Write a task; answers its id."""
    key = connection.execute(sa.insert(tasks).values(_row(task, now))).inserted_primary_key
    assert key
    return int(key[0])


def _row(task: NewTask, now: datetime) -> dict[str, Any]:
    line = task.work if isinstance(task.work, Line) else None
    return {
        "kind": task.kind,
        "trans_id": task.trans_id,
        "customer_id": task.customer_id,
        "router_id": line.router_id if line else None,
        "line_wanted": line.wanted if line else None,
        "line_version": line.version if line else None,
        "variant": task.variant,
        "payload": rules.payload_of(task.work),
        "state": TaskState.OPEN,
        "fencing_token": 0,
        "attempts": 0,
        "failures": 0,
        "due_time": task.due_time,
        **NOT_LEASED,
        "expire_time": task.expire_time,
        "last_error": "",
        "create_time": now,
    }


def claim_due(connection: Connection, asked: TaskFilter) -> tuple[Sequence[Task], datetime | None]:
    """Lock due tasks that nobody else is claiming, the longest due first; answers them and the time, if any is due."""
    values = {"kinds": list(asked.kinds), "busy": sorted(asked.busy_router_ids), "limit": asked.limit}
    rows = connection.execute(_CLAIM, values).all()
    return [_task(row) for row in rows], rows[0].now if rows else None


def _task(row: Any) -> Task:
    return Task(
        row.id, row.trans_id, row.customer_id, Variant(row.variant) if row.variant else None,
        rules.work_of(row.router_id, row.payload, row.line_wanted, row.line_version), TaskState(row.state),
        row.fencing_token, row.failures,
        row.leased_by, row.expire_time, row.last_error, row.create_time,
    )  # fmt: skip


def find_never_leased(connection: Connection, trans_ids: Collection[str]) -> set[str]:
    """Those of these payments whose line nobody has leased yet."""
    new = (_t.kind == TaskKind.SET_ACCESS, _t.state == TaskState.OPEN, _t.fencing_token == 0)
    query = sa.select(_t.trans_id).prefix_with(_BY_PAYMENT, dialect="mysql").where(_t.trans_id.in_(trans_ids), *new)
    return set(connection.execute(query).scalars()) if trans_ids else set()


def lease(connection: Connection, task_ids: Collection[int], owner: str, until: datetime) -> None:
    """Hand locked tasks to an owner; raises their fencing token by one."""
    if ids := sorted(task_ids):
        connection.execute(_LEASE, {"ids": ids, "owner": owner, "until": until})


def delay_waiting(connection: Connection, trans_ids: Collection[str], until: datetime) -> None:
    """Let waiting messages of these payments be due at `until` at the earliest."""
    rows = connection.execute(_LOCK_WAITING, {"trans_ids": list(trans_ids)})
    if ids := [row.id for row in rows if row.leased_by is None and row.due_time < until]:
        connection.execute(sa.update(tasks).where(_t.id.in_(ids)).values(due_time=until))


def lock(connection: Connection, task_ids: Collection[int]) -> tuple[dict[int, Task], datetime]:
    """Lock tasks, in the order of their ids; answers those that exist, by id, and the time."""
    rows = connection.execute(_LOCK, {"ids": sorted(task_ids)}).all()
    return {row.id: _task(row) for row in rows}, rows[0].now if rows else current_time(connection)


def set_notices(writes: Writes, notices: Mapping[int, Notice]) -> None:
    """Change what message tasks will tell, and whom."""
    writes.update(_t.payload, _t.id, {task_id: rules.payload_of(notice) for task_id, notice in notices.items()})


def end(connection: Connection, task_ids: Iterable[int], state: TaskState, now: datetime, *, tried: bool) -> None:
    """End tasks. `tried`: by an attempt that is reported on; else because their time or their recipients are gone."""
    if ids := sorted(task_ids):
        connection.execute(_END_TRIED if tried else _END, {"ids": ids, "end_state": state, "now": now})


def release(connection: Connection, task_ids: Iterable[int]) -> None:
    """End leases and nothing else: the tasks are due as they were."""
    if ids := sorted(task_ids):
        connection.execute(RELEASE, {"ids": ids})


def make_routers_due(connection: Connection, router_ids: Collection[int], now: datetime) -> None:
    """Routers answered: whoever else waits for them is due at once."""
    if router_ids:
        connection.execute(_MAKE_ROUTERS_DUE, {"routers": sorted(router_ids), "now": now})


def set_variant(
    connection: Connection, writes: Writes, trans_ids: Collection[str], variant: Variant, now: datetime
) -> set[str]:
    """Change what waiting messages will say, and make them due; answer the TransIDs whose message was not sent yet.

    A message that is leased just now may be on its way with the old text: it is changed too, for the case that its
    lease runs out, but it does not count as unsent.
    """
    rows = connection.execute(_LOCK_WAITING, {"trans_ids": list(trans_ids)}).all() if trans_ids else ()
    unsent = {row.id: row.trans_id for row in rows if row.leased_by is None}
    writes.update(_t.variant, _t.id, dict.fromkeys(unsent, variant), {_t.due_time: now})
    writes.update(_t.variant, _t.id, {row.id: variant for row in rows if row.id not in unsent})
    return set(unsent.values())


def router_names(connection: Connection, router_ids: Collection[int]) -> Mapping[int, str]:
    """The names of those of these routers whose name is known."""
    if not router_ids:
        return {}
    return {row.router_id: row.name for row in connection.execute(_ROUTER_NAMES, {"ids": sorted(router_ids)})}


def learn_router_names(connection: Connection, writes: Writes, told: Mapping[int, str]) -> Mapping[int, str]:
    """Keep what reports call routers; an empty name says nothing. Answers the names that are known of these routers.

    Two that learn the same one at once: the doubled key has one of them run again.
    """
    known = router_names(connection, told)
    named = {router_id: name for router_id, name in sorted(told.items()) if name}
    rows = [{"router_id": router_id, "name": name} for router_id, name in named.items() if router_id not in known]
    writes.insert(names_table, rows)
    writes.update(_r.name, _r.router_id, {one: name for one, name in named.items() if known.get(one, name) != name})
    return {**known, **named}
