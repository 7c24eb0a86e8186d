"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.moments import clock
from servicekit.writes import together

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
    expire_time: datetime
    create_time: datetime
    update_time: datetime


# Not frozen: a claim counts it up, and Python takes three times as long to make a frozen one.
@dataclass(slots=True)
class DueMessage:
    """A message of which something is to be done now, with what its sender must know."""

    id: int
    message_id: str
    phone: str
    text: str
    template: str
    subject: str
    detail: str
    provider_message_id: str
    attempts: int
    doubts: int
    fencing_token: int
    expire_time: datetime


_columns = messages.c
MESSAGES = sa.select(*(_columns[field.name] for field in fields(Message)))
_FIND = MESSAGES.where(_columns.message_id.in_(sa.bindparam("message_ids", expanding=True)))

# Those that another transaction holds are passed over: that one deals with them.
_DUE = (
    sa.select(*(_columns[field.name] for field in fields(DueMessage)), clock().label("now"))
    .where(_columns.state == sa.bindparam("wanted"), _columns.due_time <= clock())
    .order_by(_columns.due_time, _columns.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)

_CLAIM = (
    sa.update(messages)
    .values(
        state=MessageState.SENDING,
        attempts=_columns.attempts + 1,
        fencing_token=_columns.fencing_token + 1,
        due_time=sa.bindparam("until"),
        update_time=sa.bindparam("now"),
    )
    .where(_columns.id.in_(sa.bindparam("ids", expanding=True)))
)


def find(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, Message]:
    """The messages with these ids, by id."""
    found = map(_message, connection.execute(_FIND, {"message_ids": list(message_ids)}))
    return {message.message_id: message for message in found}


def insert(connection: sa.Connection, new: Sequence[NewMessage], now: datetime) -> None:
    """Add messages, due at once; none is fine."""
    with together(connection) as writes:
        writes.insert(messages, [_row(message, now) for message in new])


def due(connection: sa.Connection, state: MessageState, limit: int) -> tuple[Sequence[DueMessage], datetime | None]:
    """At most `limit` due messages of a state, oldest first, locked; and the time, if there is one."""
    rows = connection.execute(_DUE, {"wanted": state, "most": limit}).all()
    return [DueMessage(*row[:-1]) for row in rows], rows[0].now if rows else None


def read(connection: sa.Connection, query: sa.Executable) -> list[Message]:
    """The messages that a query made of MESSAGES finds."""
    return [_message(row) for row in connection.execute(query)]


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
    connection.execute(_CLAIM, {"ids": list(ids), "until": until, "now": now})


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a message, made only while `fencing_token` is its newest; with `only_sending` only while SENDING."""

    id: int
    fencing_token: int
    state: MessageState
    detail: str
    provider_message_id: str
    doubts: int
    due_time: datetime
    only_sending: bool = False


def move(connection: sa.Connection, moves: Sequence[Move], now: datetime) -> int:
    """Make changes; answers how many messages stay as they are, because someone else has dealt with them since.

    One statement for all that differ in the provider's id only: mostly that is all there are.
    """
    alike = defaultdict(list)
    for one in sorted(moves, key=lambda one: one.id):  # in one order everywhere, against deadlocks
        alike[one.fencing_token, one.state, one.detail, one.doubts, one.due_time, one.only_sending].append(one)
    return len(moves) - sum(_move_alike(connection, some, now) for some in alike.values())


def _move_alike(connection: sa.Connection, moves: Sequence[Move], now: datetime) -> int:
    # Written as text: made of expressions, with bound values for each message, it takes 20 µs of CPU a message more.
    # That is 4 % of all that a payment costs.
    one, place = moves[0], "?" if connection.dialect.paramstyle == "qmark" else "%s"
    cases = " ".join(f"WHEN {move.id:d} THEN {place}" for move in moves)
    ids = ", ".join(f"{move.id:d}" for move in moves)  # numbers and nothing else: they stand in the statement
    statement = (
        f"UPDATE messages SET state = {place}, detail = {place}, doubts = {place}, due_time = {place},"  # noqa: S608
        f" update_time = {place}, provider_message_id = CASE id {cases} END"
        f" WHERE id IN ({ids}) AND fencing_token = {one.fencing_token:d}"
    )
    same = [one.state, one.detail, one.doubts, *_as_the_driver_takes(connection, one.due_time, now)]
    given = [*same, *(move.provider_message_id for move in moves)]
    if one.only_sending:
        statement, given = f"{statement} AND state = {place}", [*given, MessageState.SENDING]
    return connection.exec_driver_sql(statement, tuple(given)).rowcount


def _as_the_driver_takes(connection: sa.Connection, *moments: datetime) -> list[object]:
    convert = _columns.due_time.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return [convert(moment) if convert else moment for moment in moments]
