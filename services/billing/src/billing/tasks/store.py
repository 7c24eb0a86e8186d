"""Queries on tasks: written with their payment, leased, ended."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.schema import tasks
from billing.tasks.rules import Failed, Kind, Line, NewTask, State, Wanted

_t = tasks.c
# To read a column that nobody looks at costs as much as one that matters.
_TO_REPORT_ON = (
    _t.id, _t.kind, _t.trans_id, _t.customer_id, _t.router_id, _t.state, _t.fencing_token, _t.failures, _t.leased_by,
    _t.last_error,
)  # fmt: skip
_TO_HAND_OUT = (
    _t.id, _t.kind, _t.trans_id, _t.customer_id, _t.router_id, _t.router_name, _t.variant, _t.payload, _t.fencing_token,
    _t.expire_time, _t.last_error, _t.create_time,
)  # fmt: skip

# Queries that follow every payment are made once: to make one takes longer than to carry it out.
_until: sa.BindParameter[datetime] = sa.bindparam("until")
_ids: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
_trans_ids: sa.BindParameter[str] = sa.bindparam("trans_ids", expanding=True)
_now: sa.BindParameter[datetime] = sa.bindparam("now")
_OPEN = sa.and_(
    _t.kind.in_(sa.bindparam("kinds", expanding=True)),
    _t.state == State.OPEN,
    sa.or_(_t.router_id.is_(None), _t.router_id.not_in(sa.bindparam("busy", expanding=True))),
)
_FREE = sa.or_(_t.lease_expire_time.is_(None), _t.lease_expire_time <= _now)
# Left to choose, MySQL reads and locks all that waits for any other router than the busy ones, and sorts it.
_BY_DUE_TIME = "/*+ INDEX(tasks ix_tasks_kind_state_due_time_router_id) */"
_CLAIM = (
    sa.select(*_TO_HAND_OUT)
    .prefix_with(_BY_DUE_TIME, dialect="mysql")
    .where(_OPEN, _t.due_time <= _now, _FREE)
    .order_by(_t.due_time)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
# A lease leaves `due_time` as it is: to move a task within two indexes and back costs more than the rest of a lease.
_LEASE = (
    sa.update(tasks)
    .where(_t.id.in_(_ids))
    .values(fencing_token=_t.fencing_token + 1, leased_by=sa.bindparam("owner"), lease_expire_time=_until)
)
_NOT_LEASED: dict[str, Any] = {"leased_by": None, "lease_expire_time": None}
_UNLEASED: dict[sa.Column[Any], Any] = {_t.leased_by: None, _t.lease_expire_time: None}
_LOCK = (
    sa.select(*_TO_REPORT_ON)
    .where(_t.id.in_(_ids))
    .order_by(_t.id)
    .with_for_update()
    .with_hint(tasks, "FORCE INDEX (PRIMARY)", "mysql")
)
_END = sa.update(tasks).where(_t.id.in_(_ids)).values(state=sa.bindparam("end_state"), end_time=_now, **_NOT_LEASED)
_RELEASE = sa.update(tasks).where(_t.id.in_(_ids)).values(**_NOT_LEASED)
_MAKE_ROUTERS_DUE = (
    sa.update(tasks)
    .where(
        _t.router_id.in_(sa.bindparam("routers", expanding=True)),
        _t.state == State.OPEN,
        _t.leased_by.is_(None),
        _t.due_time > _now,
    )
    .values(due_time=_now)
)
_other = tasks.alias("other")
# A question for each router that ends at the first task found: thousands may wait for one.
_FIND_WATCHED = sa.select(_t.id).where(
    _t.id.in_(_ids),
    sa.select(_other.c.id)
    .where(
        _other.c.router_id == _t.router_id,
        _other.c.state == State.OPEN,
        _other.c.leased_by.is_(None),
        _other.c.due_time <= _until,
    )
    .limit(1)
    .correlate(tasks)
    .scalar_subquery()
    .is_not(None),
)
# Left to choose, MySQL walks through all open tasks sooner or later: half a second with a lock on each.
_BY_PAYMENT = "/*+ INDEX(tasks ix_tasks_trans_id) */"
_LOCK_WAITING = (
    sa.select(_t.id, _t.trans_id, _t.leased_by, _t.due_time)
    .prefix_with(_BY_PAYMENT, dialect="mysql")
    .where(
        _t.trans_id.in_(_trans_ids),
        _t.kind == Kind.SEND_MESSAGES,
        _t.state == State.OPEN,
        _t.variant == Variant.WAITING,
    )
    .order_by(_t.id)
    .with_for_update()
)


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
        "router_name": "",
        "variant": task.variant,
        "payload": _payload(task.work),
        "state": State.OPEN,
        "fencing_token": 0,
        "failures": 0,
        "due_time": task.due_time,
        **_NOT_LEASED,
        "expire_time": task.expire_time,
        "last_error": "",
        "create_time": now,
    }


def _payload(work: Line | Notice) -> str:
    if isinstance(work, Line):
        return orjson.dumps({"username": work.username}).decode()
    return orjson.dumps(notices.to_json(work)).decode()


def claim_due(connection: Connection, now: datetime, wanted: Wanted) -> list[Any]:
    """Lock due tasks that nobody else is claiming, the longest due first."""
    return list(connection.execute(_CLAIM, {**_open_to(wanted), "now": now, "most": wanted.limit}))


def _open_to(wanted: Wanted) -> dict[str, Any]:
    return {"kinds": list(wanted.kinds), "busy": sorted(wanted.busy_router_ids)}


def find_untried(connection: Connection, trans_ids: Collection[str]) -> set[str]:
    """Those of these payments whose line nobody has tried to switch yet."""
    if not trans_ids:
        return set()
    query = sa.select(_t.trans_id).prefix_with(_BY_PAYMENT, dialect="mysql")
    untried = query.where(
        _t.trans_id.in_(trans_ids), _t.kind == Kind.SET_ACCESS, _t.state == State.OPEN, _t.fencing_token == 0
    )
    return set(connection.execute(untried).scalars())


def lease(connection: Connection, task_ids: Collection[int], owner: str, until: datetime) -> None:
    """Hand locked tasks to an owner; raises their fencing token by one."""
    if task_ids:
        connection.execute(_LEASE, {"ids": sorted(task_ids), "owner": owner, "until": until})


def delay_waiting(connection: Connection, trans_ids: Collection[str], until: datetime) -> None:
    """Let waiting messages of these payments be due at `until` at the earliest."""
    rows = connection.execute(_LOCK_WAITING, {"trans_ids": list(trans_ids)})
    if ids := [row.id for row in rows if row.leased_by is None and row.due_time < until]:
        connection.execute(sa.update(tasks).where(_t.id.in_(ids)).values(due_time=until))


def lock(connection: Connection, task_ids: Collection[int]) -> dict[int, Any]:
    """Lock tasks by id, in the order of their ids, and tell of each what a report on it needs."""
    return {row.id: row for row in connection.execute(_LOCK, {"ids": sorted(task_ids)})}


def lock_digests(connection: Connection, task_ids: Collection[int]) -> dict[int, Any]:
    """Lock digests by id, in the order of their ids, and tell of each how far it got."""
    query = sa.select(_t.id, _t.state, _t.fencing_token, _t.due_time, _t.end_time).where(_t.id.in_(sorted(task_ids)))
    return {row.id: row for row in connection.execute(query.order_by(_t.id).with_for_update())} if task_ids else {}


def set_notices(writes: Writes, notices: Mapping[int, Notice]) -> None:
    """Change what message tasks will tell, and whom."""
    writes.update(_t.payload, _t.id, {task_id: _payload(notice) for task_id, notice in notices.items()})


def end(connection: Connection, task_ids: Iterable[int], state: State, now: datetime, error: str = "") -> None:
    """End tasks; an empty error leaves what was noted before."""
    if ids := sorted(task_ids):
        query = _END.values(last_error=error[:255]) if error else _END
        connection.execute(query, {"ids": ids, "end_state": state, "now": now})


def release(connection: Connection, task_ids: Iterable[int]) -> None:
    """End leases and nothing else: the tasks are due as they were."""
    if ids := sorted(task_ids):
        connection.execute(_RELEASE, {"ids": ids})


def give_up(writes: Writes, errors: Mapping[int, str], now: datetime) -> None:
    """End tasks that cannot be done as things are, each with what stands in its way."""
    ended = {_t.state: State.GIVEN_UP, _t.end_time: now, **_UNLEASED}
    writes.update(_t.last_error, _t.id, {task_id: error[:255] for task_id, error in errors.items()}, also=ended)


def fail(writes: Writes, failed: Collection[Failed]) -> None:
    """Count a failure of locked tasks, and let them be due again."""
    writes.update(_t.failures, _t.id, {one.row.id: one.row.failures + 1 for one in failed})
    writes.update(_t.last_error, _t.id, {one.row.id: one.error[:255] for one in failed})
    writes.update(_t.due_time, _t.id, {one.row.id: one.due_time for one in failed}, also=_UNLEASED)


def make_routers_due(connection: Connection, router_ids: Collection[int], now: datetime) -> None:
    """Routers answered: whoever else waits for them is due at once."""
    if router_ids:
        connection.execute(_MAKE_ROUTERS_DUE, {"routers": sorted(router_ids), "now": now})


def find_watched(connection: Connection, task_ids: Collection[int], until: datetime) -> set[int]:
    """Those of these tasks whose router another one, not leased now, is due to try until then."""
    query = {"ids": sorted(task_ids), "until": until}
    return set(connection.execute(_FIND_WATCHED, query).scalars()) if task_ids else set()


def tell_variant(
    connection: Connection, writes: Writes, routers: Mapping[str, str], variant: Variant, now: datetime
) -> set[str]:
    """Change what waiting messages will say, and make them due; answer the TransIDs whose message was not sent yet.

    `routers`: the name of each payment's router. A message that is leased just now may be on its way with the old text:
    it is changed too, for the case that its lease runs out, but it does not count as unsent.
    """
    rows = list(connection.execute(_LOCK_WAITING, {"trans_ids": list(routers)}))
    unsent = {row.id: row.trans_id for row in rows if row.leased_by is None}
    on_the_way = {row.id: row.trans_id for row in rows if row.leased_by is not None}
    for some, said in ((unsent, {_t.variant: variant, _t.due_time: now}), (on_the_way, {_t.variant: variant})):
        names = {task_id: routers[trans_id] for task_id, trans_id in some.items()}
        writes.update(_t.router_name, _t.id, names, also=said)
    return set(unsent.values())


def name_routers(connection: Connection, writes: Writes, routers: Mapping[str, str]) -> None:
    """Let waiting messages name the router of their payment."""
    if routers:
        rows = connection.execute(_LOCK_WAITING, {"trans_ids": list(routers)})
        writes.update(_t.router_name, _t.id, {row.id: routers[row.trans_id] for row in rows})


def reopen(
    connection: Connection, task_ids: Collection[int], now: datetime, expire_time: datetime, line: Line | None = None
) -> None:
    """Open ended tasks again; an access task is for `line` from then on."""
    values: dict[str, Any] = {"state": State.OPEN, "due_time": now, "expire_time": expire_time, "end_time": None}
    values |= {"router_id": line.router_id, "payload": _payload(line)} if line else {}
    if ids := sorted(task_ids):
        connection.execute(sa.update(tasks).where(_t.id.in_(ids)).values(failures=0, **values, **_NOT_LEASED))


def list_of_payment(connection: Connection, trans_id: str) -> list[Any]:
    """A payment's tasks, in order of creation."""
    return list(connection.execute(sa.select(tasks).where(_t.trans_id == trans_id).order_by(_t.id)))


def count(connection: Connection) -> dict[tuple[str, str], int]:
    """How many tasks are open or given up, by (kind, state)."""
    states = (State.OPEN, State.GIVEN_UP)
    query = sa.select(_t.kind, _t.state, sa.func.count().label("n")).where(_t.state.in_(states))
    return {(row.kind, row.state): row.n for row in connection.execute(query.group_by(_t.kind, _t.state))}


def oldest_line_time(connection: Connection, now: datetime) -> datetime | None:
    """When the oldest task was created that has not switched its line on, while the paid time lasts."""
    waiting = (_t.kind == Kind.SET_ACCESS, _t.state.in_((State.OPEN, State.GIVEN_UP)), _t.expire_time > now)
    return connection.execute(sa.select(sa.func.min(_t.create_time)).where(*waiting)).scalar()
