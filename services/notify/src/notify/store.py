"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from notify.models import messages
from notify.states import State


def find(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    """The messages with these ids, by id."""
    found = connection.execute(sa.select(messages).where(messages.c.message_id.in_(message_ids)))
    return {row.message_id: row for row in found}


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Add messages."""
    connection.execute(messages.insert(), list(rows))


def page(
    connection: sa.Connection, *, subject: str, state: str, before: int | None, size: int
) -> Sequence[sa.Row[Any]]:
    """At most `size` messages, newest first; `before` is the id that the page before ended with."""
    query = sa.select(messages).order_by(messages.c.id.desc()).limit(size)
    if subject:
        query = query.where(messages.c.subject == subject)
    if state:
        query = query.where(messages.c.state == state)
    if before is not None:
        query = query.where(messages.c.id < before)
    return connection.execute(query).all()


def due(connection: sa.Connection, state: State, now: datetime, limit: int) -> Sequence[sa.Row[Any]]:
    """At most `limit` messages of a state whose due time has come, oldest first, locked.

    Those that another transaction holds are passed over: that one deals with them.
    """
    query = (
        sa.select(messages)
        .where(messages.c.state == state, messages.c.due_time <= now)
        .order_by(messages.c.due_time, messages.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).all()


def claim(connection: sa.Connection, ids: Collection[int], now: datetime, until: datetime) -> None:
    """Mark messages as being sent, by us, `until` then."""
    connection.execute(
        messages.update()
        .where(messages.c.id.in_(ids))
        .values(
            state=State.SENDING,
            epoch=messages.c.epoch + 1,
            attempts=messages.c.attempts + 1,
            due_time=until,
            update_time=now,
        )
    )


def move(
    connection: sa.Connection, row_id: int, epoch: int, values: Mapping[str, object], *, only_sending: bool = False
) -> bool:
    """Change a message unless it was claimed again since; with `only_sending` only one that is still SENDING."""
    query = messages.update().where(messages.c.id == row_id, messages.c.epoch == epoch)
    if only_sending:
        query = query.where(messages.c.state == State.SENDING)
    return connection.execute(query.values(values)).rowcount == 1
