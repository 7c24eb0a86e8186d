"""Queries on bulks: whom a filter means, who is due, and what was changed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from servicekit.moments import clock
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.bulk.rules import Action, Bulk, BulkState, Filter, Member, MemberState, Plan
from billing.bulk.tables import bulk_customers, bulks
from billing.changes.rules import Author
from billing.payees.rules import Customer
from billing.schema import pppoe_users, tasks
from billing.tasks.rules import TaskState

_b, _m, _c, _t = bulks.c, bulk_customers.c, pppoe_users.c, tasks.c
_COLUMNS = {
    "next_payment_date": _c.next_payment_date, "due_day": _c.due_day, "package_cents": _c.amount,
    "hold": _c.line_hold, "hold_since": _c.line_hold_since,
}  # fmt: skip

Members = Mapping[int, "Member"]


@dataclass(frozen=True, slots=True)
class Named:
    """A customer of a bulk, with the account's name; empty where the customer's row is gone."""

    account_name: str
    member: Member


class SentState(Enum):
    """How far a message got. PERHAPS: somebody had it to hand over, and did not say what came of it."""

    WAITS = "waits"
    LEASED = "leased"
    PERHAPS = "perhaps"
    HANDED_OVER = "handed over"
    OVER = "over"


def find_ids(connection: Connection, plan: Plan, today: date) -> Sequence[int]:
    """Whom the plan means, in order. Who has no due date cannot be given days."""
    conditions = [_c.closed_at.is_(None), *_conditions(plan.filter, today)]
    if plan.action is Action.EXTEND:
        conditions.append(_c.next_payment_date.is_not(None))
    return connection.execute(sa.select(_c.id).where(*conditions).order_by(_c.id)).scalars().all()


def count_undated(connection: Connection, chosen: Filter, today: date) -> int:
    """How many fit but for having no due date."""
    conditions = _conditions(chosen, today)
    query = sa.select(sa.func.count()).where(_c.closed_at.is_(None), _c.next_payment_date.is_(None), *conditions)
    return connection.execute(query.select_from(pppoe_users)).scalar_one()


def _conditions(chosen: Filter, today: date) -> "list[sa.ColumnElement[bool]]":
    exact = ((_c.isp_id, chosen.isp_id), (_c.router_id, chosen.router_id), (_c.amount, chosen.package_cents))
    conditions = [column == value for column, value in exact if value]
    if chosen.paid is not None:
        conditions.append(_c.next_payment_date >= today if chosen.paid else _c.next_payment_date < today)
    if chosen.due_from:
        conditions.append(_c.next_payment_date >= date.fromisoformat(chosen.due_from))
    if chosen.due_until:
        conditions.append(_c.next_payment_date <= date.fromisoformat(chosen.due_until))
    return conditions


def find(connection: Connection, token_key: str) -> int | None:
    """The id of the bulk that was begun with a token."""
    return connection.execute(sa.select(_b.id).where(_b.token_key == token_key)).scalar()


def insert(
    connection: Connection, plan: Plan, token_key: str, author: Author, ids: Collection[int], now: datetime
) -> int:
    """Begin a bulk of these customers; its id."""
    row = {
        "token_key": token_key,
        "plan": plan.write(),
        "state": BulkState.APPLYING,
        "actor": author.actor,
        "reason": author.reason,
        "create_time": now,
    }
    key = connection.execute(sa.insert(bulks).values(row)).inserted_primary_key
    assert key
    due = {"bulk_id": key[0], "state": MemberState.DUE, "old_value": "", "new_value": "", "note": ""}
    if ids:
        connection.execute(sa.insert(bulk_customers), [due | {"customer_id": one} for one in ids])
    return int(key[0])


def get(connection: Connection, bulk_id: int, *, lock: bool) -> Bulk | None:
    """A bulk. With `lock` nobody else goes on with it until the transaction ends."""
    query = sa.select(bulks).where(_b.id == bulk_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return _bulk(row) if row else None


def list_bulks(connection: Connection, before_id: int, limit: int) -> list[Bulk]:
    """Bulks, newest first, before one unless that is 0."""
    query = sa.select(bulks).where(_b.id < before_id) if before_id else sa.select(bulks)
    return [_bulk(row) for row in connection.execute(query.order_by(_b.id.desc()).limit(limit))]


def _bulk(row: "sa.Row[Any]") -> Bulk:
    author = Author(row.actor, row.reason)
    return Bulk(row.id, Plan.read(row.plan), BulkState(row.state), author, row.create_time)


def set_state(connection: Connection, bulk_id: int, state: BulkState) -> None:
    """How far it is now."""
    connection.execute(sa.update(bulks).where(_b.id == bulk_id).values(state=state))


def skip_due(connection: Connection, bulk_id: int, note: str) -> None:
    """Those whose turn did not come are not changed any more."""
    due = _m.bulk_id == bulk_id, _m.state == MemberState.DUE
    connection.execute(sa.update(bulk_customers).where(*due).values(state=MemberState.SKIPPED, note=note))


def members(connection: Connection, bulk_id: int, state: MemberState, limit: int, after_id: int = 0) -> Members:
    """The first customers of a bulk in a state, by id, in order, after an id."""
    query = sa.select(bulk_customers).where(_m.bulk_id == bulk_id, _m.state == state, _m.customer_id > after_id)
    rows = connection.execute(query.order_by(_m.customer_id).limit(limit))
    return {row.customer_id: _member(row) for row in rows}


def not_changed(connection: Connection, bulk_id: int, limit: int) -> list[Named]:
    """Who was skipped or left, with why."""
    states = _m.state.in_((MemberState.SKIPPED, MemberState.LEFT))
    query = sa.select(bulk_customers, _c.account_name).outerjoin(pppoe_users, _c.id == _m.customer_id)
    rows = connection.execute(query.where(_m.bulk_id == bulk_id, states).order_by(_m.customer_id).limit(limit))
    return [Named(row.account_name or "", _member(row)) for row in rows]


def count(connection: Connection, bulk_ids: Collection[int]) -> Mapping[int, Mapping[MemberState, int]]:
    """How many customers of these bulks are in which state, by the bulk's id."""
    many = sa.func.count().label("many")
    query = sa.select(_m.bulk_id, _m.state, many).where(_m.bulk_id.in_(bulk_ids)).group_by(_m.bulk_id, _m.state)
    found: dict[int, dict[MemberState, int]] = defaultdict(dict)
    for row in connection.execute(query) if bulk_ids else ():
        found[row.bulk_id][MemberState(row.state)] = row.many
    return found


def count_done(connection: Connection, bulk_id: int) -> int:
    """How many customers of a bulk had their turn, and were changed or told."""
    return count(connection, [bulk_id]).get(bulk_id, {}).get(MemberState.DONE, 0)


def count_handed_over(connection: Connection, bulk_id: int) -> int:
    """How many messages of a bulk were handed over to be sent, and are not deleted for their age."""
    theirs = _m.bulk_id == bulk_id, _m.state.in_((MemberState.DONE, MemberState.LEFT)), _t.state == TaskState.DONE
    joined = bulk_customers.join(tasks, _t.id == sa.cast(_m.new_value, sa.BigInteger))
    return connection.execute(sa.select(sa.func.count()).select_from(joined).where(*theirs)).scalar_one()


def keep(writes: Writes, seen: Collection[Member]) -> None:
    """Note what became of customers."""
    columns = (_m.state, "state"), (_m.old_value, "before"), (_m.new_value, "after"), (_m.note, "note")
    for column, name in (*columns, (_m.old_due_day, "due_day")):
        writes.update(column, _m.id, {one.row_id: getattr(one, name) for one in seen})


def put(writes: Writes, fields: Collection[str], customers: Collection[Customer]) -> None:
    """Write these fields of customers."""
    for name in fields:
        writes.update(_COLUMNS[name], _c.id, {one.customer_id: getattr(one, name) for one in customers})


def lock_messages(connection: Connection, task_ids: Collection[int]) -> Mapping[int, SentState]:
    """Lock the tasks of messages, and tell how far each is; of one that is gone nothing."""
    leased = sa.and_(_t.lease_expire_time.is_not(None), _t.lease_expire_time > clock())
    query = sa.select(_t.id, _t.state, _t.fencing_token, leased.label("leased")).where(_t.id.in_(sorted(task_ids)))
    rows = connection.execute(query.order_by(_t.id).with_for_update()) if task_ids else ()
    return {row.id: _sent(row) for row in rows}


def _sent(row: "sa.Row[Any]") -> SentState:
    if row.state != TaskState.OPEN:
        return SentState.HANDED_OVER if row.state == TaskState.DONE else SentState.OVER
    if row.leased:
        return SentState.LEASED
    return SentState.PERHAPS if row.fencing_token else SentState.WAITS


def _member(row: "sa.Row[Any]") -> Member:
    state = MemberState(row.state)
    return Member(row.id, row.customer_id, state, row.old_value, row.new_value, row.old_due_day, row.note)
