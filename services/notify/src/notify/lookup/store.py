"""Queries on messages as they are on record: for operators and figures, on no message's way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from servicekit.lock_waits import rows_within
from servicekit.moments import clock
from servicekit.retention import Ageing, Bite, bite

from notify.messages.rules import MessageState
from notify.messages.store import MESSAGES, Message, read
from notify.schema import messages

_columns = messages.c
_WAITING_SECONDS = 2.0


def page(
    connection: sa.Connection, *, subject: str, phone: str, state: str, before: int | None, size: int
) -> Sequence[Message]:
    """At most `size` messages, newest first; `before` is the id that the page before ended with."""
    query = MESSAGES.order_by(_columns.id.desc()).limit(size)
    if subject:
        query = query.where(_columns.subject == subject)
    if phone:
        query = query.where(_columns.phone == phone)
    if state:
        query = query.where(_columns.state == state)
    if before is not None:
        query = query.where(_columns.id < before)
    return read(connection, query)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages are due, and since when the first one is."""

    count: int
    since: datetime | None
    now: datetime


def waiting(connection: sa.Connection) -> Waiting:
    """What is due and queued: bounded in time, for nothing depends on it."""
    due = _columns.state == MessageState.QUEUED, _columns.due_time <= clock()
    query = sa.select(sa.func.count(), sa.func.min(_columns.due_time), clock()).where(*due)
    ((count, since, now),) = rows_within(connection, query, {}, seconds=_WAITING_SECONDS)
    return Waiting(count, since, now)


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many messages are in a state, and since when the first of them is; of QUEUED: is due."""

    state: MessageState
    count: int
    since: datetime


# Sending one takes so long that SENDING waits for nobody; what is SENT is where it should be.
_NOT_SENT = (MessageState.FAILED, MessageState.UNKNOWN, MessageState.EXPIRED)


def count(connection: sa.Connection, ended_since: datetime | None) -> Sequence[StateCount]:
    """What is due, and what ended without being sent: from the index alone; those ended at their due_time."""
    due = sa.and_(_columns.state == MessageState.QUEUED, _columns.due_time <= clock())
    since = _columns.due_time >= ended_since if ended_since else sa.true()
    ended = sa.and_(_columns.state.in_(_NOT_SENT), since)
    query = sa.select(_columns.state, sa.func.count(), sa.func.min(_columns.due_time)).where(sa.or_(due, ended))
    rows = rows_within(connection, query.group_by(_columns.state), {}, seconds=_WAITING_SECONDS)
    return [StateCount(MessageState(state), number, first) for state, number, first in rows]


# A message that is queued is sent or expires by itself.
_AGEING = Ageing(messages, _columns.create_time, _columns.state.not_in((MessageState.QUEUED, MessageState.SENDING)))


def purge(connection: sa.Connection, before: datetime, after_id: int, asked: int) -> Bite:
    """Delete what is old of the next messages after an id."""
    return bite(connection, _AGEING, before, after_id, asked)


def erase(connection: sa.Connection, subjects: Collection[str], phone: str) -> int:
    """Delete the messages that ended about these subjects, and to this number; how many there were."""
    theirs = (
        sa.or_(_columns.subject.in_(subjects), _columns.phone == phone) if phone else _columns.subject.in_(subjects)
    )
    return connection.execute(sa.delete(messages).where(theirs, _AGEING.ended)).rowcount
