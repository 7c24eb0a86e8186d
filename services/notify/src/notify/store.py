"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.database import insert_rows

from notify.models import messages
from notify.states import State


def find(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    """The messages with these ids, by id."""
    found = connection.execute(sa.select(messages).where(messages.c.message_id.in_(message_ids)))
    return {row.message_id: row for row in found}


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Add messages."""
    insert_rows(connection, messages, rows)


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


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a message that counts only while `epoch` is its newest; with `only_sending` only while SENDING."""

    row_id: int
    epoch: int
    values: Mapping[str, Any]
    provider_message_id: str = ""
    only_sending: bool = False


def move(connection: sa.Connection, moves: Sequence[Move]) -> set[int]:
    """Make changes; answers the ids of those messages that someone else has dealt with since, and stay as they are.

    One statement for all that differ in the provider's id only: mostly that is all of a call.
    """
    columns = messages.c
    query = sa.select(columns.id, columns.epoch, columns.state).where(columns.id.in_([one.row_id for one in moves]))
    rows = {row.id: row for row in connection.execute(query.order_by(columns.id).with_for_update())}
    ours = [one for one in moves if _is_ours(rows.get(one.row_id), one)]
    alike: dict[tuple[tuple[str, Any], ...], dict[int, str]] = defaultdict(dict)
    for one in ours:
        alike[tuple(sorted(one.values.items()))][one.row_id] = one.provider_message_id
    for values, provider_ids in alike.items():
        update = messages.update().where(columns.id.in_(provider_ids))
        provider_id = sa.case(provider_ids, value=columns.id)
        connection.execute(update.values(provider_message_id=provider_id, **dict(values)))
    return {one.row_id for one in moves} - {one.row_id for one in ours}


def _is_ours(row: Any, wanted: Move) -> bool:
    return row is not None and row.epoch == wanted.epoch and (row.state == State.SENDING or not wanted.only_sending)
