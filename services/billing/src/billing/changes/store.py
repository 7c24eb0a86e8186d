"""Queries that change ISPs and customers, and keep what was before."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.calendar import MONTH, Period
from billing.changes.rules import Author, ChangeFilter, FieldChange, Noun, StoredChange
from billing.payees.rules import Customer, Isp
from billing.schema import account_changes, isps, pppoe_users, tasks
from billing.tasks.rules import TaskKind, TaskState

_a = account_changes.c
_t = tasks.c
_COLUMNS = {
    "account_name": "account_name", "full_name": "full_name", "username": "username", "package_cents": "amount",
    "router_id": "router_id", "isp_id": "isp_id", "phone": "phone", "next_payment_date": "next_payment_date",
    "name": "name", "sms_account": "smsaccount", "wa_account": "waaccount", "contact_phone": "contact_phone",
    "pay_account_number": "pay_account_number", "due_day": "due_day", "hold": "line_hold",
    "hold_since": "line_hold_since", "package_name": "line_paid_package", "period": "line_period",
    "line_package": "line_package", "package_day": "line_package_day",
}  # fmt: skip


def update_isp(connection: Connection, isp: Isp, fields: Collection[str], now: datetime) -> None:
    """Write these fields of an ISP."""
    connection.execute(sa.update(isps).where(isps.c.id == isp.isp_id).values(_values(isp, fields, now)))


def update_customer(connection: Connection, customer: Customer, fields: Collection[str], now: datetime) -> None:
    """Write these fields of a customer."""
    query = sa.update(pppoe_users).where(pppoe_users.c.id == customer.customer_id)
    connection.execute(query.values(_values(customer, fields, now)))


def _values(row: Isp | Customer, fields: Collection[str], now: datetime) -> dict[str, Any]:
    """An empty text is none, as creation has it."""
    values = {_COLUMNS[name]: _stored(getattr(row, name)) for name in fields if name != "closed"}
    return values | ({"closed_at": now if row.closed else None} if "closed" in fields else {})


def _stored(value: Any) -> Any:
    """A month is none, as it was before there were packages."""
    if isinstance(value, Period):
        return None if value == MONTH else str(value)
    return value or None


def insert(
    writes: Writes, noun: Noun, noun_id: int, changes: Collection[FieldChange], author: Author, now: datetime
) -> None:
    """Keep what was changed."""
    rows = [
        {
            "noun": noun,
            "noun_id": noun_id,
            "field": change.field,
            "old_value": change.before,
            "new_value": change.after,
            "actor": author.actor,
            "reason": author.reason,
            "create_time": now,
        }
        for change in changes
    ]
    writes.insert(account_changes, rows)


def list_changes(connection: Connection, asked: ChangeFilter, before_id: int, limit: int) -> list[StoredChange]:
    """What was changed, newest first, before `before_id` unless that is 0."""
    query = sa.select(account_changes)
    if asked.noun:
        query = query.where(_a.noun == asked.noun, _a.noun_id == asked.noun_id)
    else:
        query = query.where(_a.field != "line")
    query = query.where(_a.actor == asked.actor) if asked.actor else query
    query = query.where(_a.create_time >= asked.since) if asked.since else query
    query = query.where(_a.id < before_id) if before_id else query
    return read_changes(connection, query.order_by(_a.id.desc()).limit(limit))


def list_act(connection: Connection, change_id: int) -> tuple[Noun, int, list[StoredChange]]:
    """What was changed in one act with a change, in order, and on whom; nothing where there is no such change."""
    row = connection.execute(sa.select(account_changes).where(_a.id == change_id)).one_or_none()
    if row is None:
        return Noun.CUSTOMER, 0, []
    same = _a.noun == row.noun, _a.noun_id == row.noun_id, _a.actor == row.actor, _a.create_time == row.create_time
    return (
        Noun(row.noun),
        row.noun_id,
        read_changes(connection, sa.select(account_changes).where(*same).order_by(_a.id)),
    )


def list_later(connection: Connection, noun: Noun, noun_id: int, field: str, after: int) -> list[StoredChange]:
    """All changes of a field since another, in order."""
    later = _a.noun == noun, _a.noun_id == noun_id, _a.field == field, _a.id > after
    return read_changes(connection, sa.select(account_changes).where(*later).order_by(_a.id))


def list_of_field(
    connection: Connection, noun: Noun, noun_ids: Collection[int], field: str, since: datetime
) -> Mapping[int, list[StoredChange]]:
    """All changes of a field of each of these since a moment, in order, by id."""
    theirs = _a.noun == noun, _a.noun_id.in_(noun_ids), _a.field == field, _a.create_time >= since
    found: dict[int, list[StoredChange]] = defaultdict(list)
    for row in connection.execute(sa.select(account_changes).where(*theirs).order_by(_a.id)) if noun_ids else ():
        found[row.noun_id].append(_change(row))
    return found


def read_changes(connection: Connection, query: sa.Executable) -> list[StoredChange]:
    """The changes that a query of whole rows finds."""
    return [_change(row) for row in connection.execute(query)]


def _change(row: "sa.Row[Any]") -> StoredChange:
    change = FieldChange(row.field, row.old_value, row.new_value)
    author = Author(row.actor, row.reason)
    return StoredChange(row.id, change, author, row.create_time, Noun(row.noun), row.noun_id)


def line_tasks(connection: Connection, customer_ids: Collection[int]) -> Sequence[int]:
    """The tasks, open or given up, that are to switch these customers' lines on."""
    unfinished = _t.kind == TaskKind.SET_ACCESS, _t.state.in_((TaskState.OPEN, TaskState.GIVEN_UP))
    return connection.execute(sa.select(_t.id).where(*unfinished, _t.customer_id.in_(customer_ids))).scalars().all()


def unconfirmed_of(connection: Connection, isp_id: int) -> Sequence[int]:
    """The ids of an ISP's customers who are not closed, and whose router did not confirm what is wanted of the line."""
    confirmed = sa.func.coalesce(pppoe_users.c.line_reported_version, -1) == pppoe_users.c.line_version
    theirs = pppoe_users.c.isp_id == isp_id, pppoe_users.c.closed_at.is_(None)
    wanted = pppoe_users.c.line_wanted.is_not(None), ~confirmed
    return connection.execute(sa.select(pppoe_users.c.id).where(*theirs, *wanted)).scalars().all()


def customers_of(connection: Connection, isp_id: int) -> Sequence[int]:
    """The ids of an ISP's customers."""
    return connection.execute(sa.select(pppoe_users.c.id).where(pppoe_users.c.isp_id == isp_id)).scalars().all()
