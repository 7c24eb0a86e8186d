"""Queries on changed policies whose customers' lines are yet to follow."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.policy_changes.tables import unsettled_policies
from billing.schema import isps, pppoe_users

_u, _c = unsettled_policies.c, pppoe_users.c
_CLOSED_ISPS = sa.select(isps.c.id).where(isps.c.closed_at.is_not(None))
# Which fields say when a line is off, what that is, and what it has when it is on.
_OF_LINES = frozenset({"grace_days", "cut_hour", "days_without_cuts", "off", "profile"})


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A change of these fields; `after_id`: the last customer whose line has followed."""

    change_id: int
    noun: Noun
    noun_id: int
    fields: frozenset[str]
    after_id: int


def insert(writes: Writes, noun: Noun, noun_id: int, changed: Collection[str], now: datetime) -> None:
    """Have customers' lines follow a change, if it is one that they follow."""
    if named := ",".join(sorted(_OF_LINES & set(changed))):
        row = {"noun": noun, "noun_id": noun_id, "fields": named, "after_id": 0, "create_time": now}
        writes.insert(unsettled_policies, [row])


def is_any(connection: Connection) -> bool:
    """Whether there is one."""
    return connection.execute(sa.select(_u.id).limit(1)).first() is not None


def lock_first(connection: Connection) -> Unsettled | None:
    """The oldest change that nobody else is at, locked."""
    query = sa.select(unsettled_policies).order_by(_u.id).limit(1).with_for_update(skip_locked=True)
    if (row := connection.execute(query).first()) is None:
        return None
    return Unsettled(row.id, Noun(row.noun), row.noun_id, frozenset(row.fields.split(",")), row.after_id)


def next_customers(connection: Connection, change: Unsettled, limit: int) -> Sequence[int]:
    """The ids, in order, of the next customers whose policy it is; none who is closed, or whose ISP is."""
    whose = _c.isp_id if change.noun is Noun.ISP else _c.id
    is_open = _c.closed_at.is_(None), sa.func.coalesce(_c.isp_id, 0).not_in(_CLOSED_ISPS)
    query = sa.select(_c.id).where(whose == change.noun_id, _c.id > change.after_id, *is_open)
    return connection.execute(query.order_by(_c.id).limit(limit)).scalars().all()


def move(connection: Connection, change: Unsettled, after_id: int) -> None:
    """Go on after a customer the next time."""
    connection.execute(sa.update(unsettled_policies).where(_u.id == change.change_id).values(after_id=after_id))


def delete(connection: Connection, change: Unsettled) -> None:
    """All have followed."""
    connection.execute(sa.delete(unsettled_policies).where(_u.id == change.change_id))
