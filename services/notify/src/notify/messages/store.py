"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
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
    expire_time: datetime
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
# As many as a call to the provider has; each number of messages has a statement of its own.
_MAX_MOVED = 20


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

    One statement for all of a call that differ in the provider's id only: mostly that is all there are.
    """
    alike = defaultdict(list)
    for one in sorted(moves, key=lambda one: one.id):  # in one order everywhere, against deadlocks
        alike[one.fencing_token, one.state, one.detail, one.doubts, one.due_time, one.only_sending].append(one)
    return len(moves) - sum(
        _move_alike(connection, some[first : first + _MAX_MOVED], now)
        for some in alike.values()
        for first in range(0, len(some), _MAX_MOVED)
    )


def _move_alike(connection: sa.Connection, moves: Sequence[Move], now: datetime) -> int:
    one = moves[0]
    same: dict[str, object] = {
        "new_state": one.state,
        "new_detail": one.detail,
        "new_doubts": one.doubts,
        "new_due_time": one.due_time,
        "now": now,
        "token": one.fencing_token,
    }
    ids = {f"id{n}": move.id for n, move in enumerate(moves)}
    theirs = {f"theirs{n}": move.provider_message_id for n, move in enumerate(moves)}
    return connection.execute(_moving(len(moves), one.only_sending), same | ids | theirs).rowcount


@cache
def _moving(count: int, only_sending: bool) -> sa.Update:
    """The statement for so many messages; made once, because making it costs more than carrying it out."""
    ids = [sa.bindparam(f"id{n}", type_=sa.Integer) for n in range(count)]
    theirs = {one: sa.bindparam(f"theirs{n}", type_=sa.String) for n, one in enumerate(ids)}
    statement = (
        sa.update(messages)
        .values(
            state=sa.bindparam("new_state"),
            detail=sa.bindparam("new_detail"),
            provider_message_id=sa.case(*((_columns.id == one, their) for one, their in theirs.items())),
            doubts=sa.bindparam("new_doubts"),
            due_time=sa.bindparam("new_due_time"),
            update_time=sa.bindparam("now"),
        )
        .where(_columns.id.in_(ids), _columns.fencing_token == sa.bindparam("token"))
    )
    return statement.where(_columns.state == MessageState.SENDING) if only_sending else statement
