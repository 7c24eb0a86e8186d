"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from notify.messages.rules import LIFETIME, MessageState, NewMessage
from notify.schema import messages


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is held; the fields are the table's columns."""

    id: int
    message_id: str
    phone: str
    text: str
    segments: int
    template: str
    subject: str
    state: MessageState
    detail: str
    provider_message_id: str
    attempts: int
    doubts: int
    due_time: datetime
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message of which something is to be done now, with what its sender must know."""

    id: int
    message_id: str
    phone: str
    text: str
    template: str
    detail: str
    provider_message_id: str
    attempts: int
    doubts: int
    fencing_token: int
    expire_time: datetime


_columns = messages.c
_MESSAGES = sa.select(*(_columns[field.name] for field in fields(Message)))
_FIND = _MESSAGES.where(_columns.message_id.in_(sa.bindparam("message_ids", expanding=True)))
# Those that another transaction holds are passed over: that one deals with them.
_DUE = (
    sa.select(*(_columns[field.name] for field in fields(DueMessage)))
    .where(_columns.state == sa.bindparam("wanted"), _columns.due_time <= sa.bindparam("now"))
    .order_by(_columns.due_time, _columns.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)


def find(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, Message]:
    """The messages with these ids, by id."""
    found = map(_message, connection.execute(_FIND, {"message_ids": list(message_ids)}))
    return {message.message_id: message for message in found}


def insert(connection: sa.Connection, new: Sequence[NewMessage], now: datetime) -> None:
    """Add messages, due at once; none is fine."""
    if new:
        connection.execute(sa.insert(messages), [_row(message, now) for message in new])


def page(connection: sa.Connection, *, subject: str, state: str, before: int | None, size: int) -> Sequence[Message]:
    """At most `size` messages, newest first; `before` is the id that the page before ended with."""
    query = _MESSAGES.order_by(_columns.id.desc()).limit(size)
    if subject:
        query = query.where(_columns.subject == subject)
    if state:
        query = query.where(_columns.state == state)
    if before is not None:
        query = query.where(_columns.id < before)
    return list(map(_message, connection.execute(query)))


def due(connection: sa.Connection, state: MessageState, now: datetime, limit: int) -> Sequence[DueMessage]:
    """At most `limit` messages of a state whose due time has come, oldest first, locked."""
    return [DueMessage(*row) for row in connection.execute(_DUE, {"wanted": state, "now": now, "most": limit})]


def _message(row: sa.Row[Any]) -> Message:
    values = row._asdict()
    return Message(**values | {"state": MessageState(values["state"])})


def _row(message: NewMessage, now: datetime) -> dict[str, object]:
    return {
        "message_id": message.message_id,
        "phone": message.phone,
        "text": message.text,
        "segments": message.segments,
        "template": message.template,
        "subject": message.subject,
        "state": message.state,
        "detail": message.detail,
        "provider_message_id": "",
        "attempts": 0,
        "doubts": 0,
        "fencing_token": 0,
        "due_time": now,
        "expire_time": message.expire_time or now + LIFETIME,
        "create_time": now,
        "update_time": now,
    }


def claim(connection: sa.Connection, ids: Collection[int], now: datetime, until: datetime) -> None:
    """Mark messages as being sent, by us, `until` then."""
    values = {"state": MessageState.SENDING, "due_time": until, "update_time": now}
    place = _place(connection)
    changes = ", ".join(f"{name} = {place}" for name in values)
    counted = "fencing_token = fencing_token + 1, attempts = attempts + 1"
    statement = f"UPDATE messages SET {counted}, {changes} WHERE id IN ({_listed(ids)})"  # noqa: S608
    connection.exec_driver_sql(statement, tuple(_bound(connection, values)))


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a message, made only while `fencing_token` is its newest; with `only_sending` only while SENDING."""

    row_id: int
    fencing_token: int
    values: Mapping[str, Any]
    provider_message_id: str = ""
    only_sending: bool = False


def move(connection: sa.Connection, moves: Sequence[Move]) -> int:
    """Make changes; answers how many messages stay as they are, because someone else has dealt with them since.

    One statement for all that differ in the provider's id only: mostly that is all there are.
    """
    alike: dict[tuple[Any, ...], dict[int, str]] = defaultdict(dict)
    for one in sorted(moves, key=lambda one: one.row_id):  # in one order everywhere, against deadlocks
        alike[one.fencing_token, one.only_sending, *one.values.items()][one.row_id] = one.provider_message_id
    moved = sum(
        _move_alike(connection, fencing_token, dict(values), provider_ids, only_sending=only_sending)
        for (fencing_token, only_sending, *values), provider_ids in alike.items()
    )
    return len(moves) - moved


def _move_alike(
    connection: sa.Connection,
    fencing_token: int,
    values: Mapping[str, Any],
    provider_ids: Mapping[int, str],
    *,
    only_sending: bool,
) -> int:
    place = _place(connection)
    branches = " ".join(f"WHEN {row_id:d} THEN {place}" for row_id in provider_ids)
    changes = "".join(f", {name} = {place}" for name in values)
    statement = (
        f"UPDATE messages SET provider_message_id = CASE id {branches} END{changes}"  # noqa: S608
        f" WHERE id IN ({_listed(provider_ids)}) AND fencing_token = {fencing_token:d}"
    )
    given = (*provider_ids.values(), *_bound(connection, values))
    if only_sending:
        statement, given = f"{statement} AND state = {place}", (*given, MessageState.SENDING)
    return connection.exec_driver_sql(statement, given).rowcount


# Updates are written as text: made from expressions with a bound value for each message, a statement costs several
# times what carrying it out does.
def _place(connection: sa.Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _listed(ids: Collection[int]) -> str:
    return ", ".join(f"{one:d}" for one in ids)  # numbers and nothing else: they stand in the statement


def _bound(connection: sa.Connection, values: Mapping[str, Any]) -> Iterator[Any]:
    """The values as the driver takes them."""
    for name, value in values.items():
        convert = _columns[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        yield convert(value) if convert else value
