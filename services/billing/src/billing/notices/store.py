"""Queries on how many messages were sent to whom, and on the digests of the rest."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.notices.throttle import DigestTask, Tally, Topic
from billing.schema import notice_tallies, paybill_payments, tasks
from billing.tasks.rules import TaskState

Key = tuple[Topic, str]

_n = notice_tallies.c
_AMONG = sa.tuple_(_n.topic, _n.recipient).in_(sa.bindparam("keys", expanding=True))
_LOCK = sa.select(notice_tallies).where(_AMONG).order_by(_n.topic, _n.recipient).with_for_update()
_LOCK_FREE = _LOCK.with_for_update(skip_locked=True)
_EXISTING = sa.select(_n.topic, _n.recipient).where(_AMONG)
_t = tasks.c
_NOTHING = {"sent": 0, "held_back": 0, "held_back_cents": 0, "digest_id": None}


def lock(connection: Connection, key: Key, since: datetime) -> Tally:
    """The tally of a topic and recipient, locked until the transaction ends; a missing one begins at `since`."""
    found = _find(connection, _LOCK, [key]) or _create(connection, [key], since)
    return found[key]


def lock_free(connection: Connection, keys: Collection[Key], since: datetime) -> dict[Key, Tally]:
    """Likewise those of these tallies that no other transaction holds. Waits for nobody."""
    found = _find(connection, _LOCK_FREE, keys)
    if rest := set(keys) - found.keys():
        held = {(Topic(topic), name) for topic, name in connection.execute(_EXISTING, {"keys": sorted(rest)})}
        if missing := rest - held:
            found |= _create(connection, missing, since)
    return found


def _create(connection: Connection, keys: Collection[Key], since: datetime) -> dict[Key, Tally]:
    # Another transaction may create the same one just now: the doubled key has this one run again.
    rows = [{"topic": topic, "recipient": name, "since": since, **_NOTHING} for topic, name in sorted(keys)]
    connection.execute(sa.insert(notice_tallies), rows)
    return _find(connection, _LOCK, keys)


def _find(connection: Connection, query: "sa.Select[Any]", keys: Collection[Key]) -> dict[Key, Tally]:
    rows = connection.execute(query, {"keys": sorted(keys)})
    return {
        (Topic(row.topic), row.recipient): Tally(
            row.id, Topic(row.topic), row.recipient, row.since,
            row.sent, row.held_back, row.held_back_cents, row.digest_id,
        )
        for row in rows
    }  # fmt: skip


def save(writes: Writes, tallies: Iterable[Tally]) -> None:
    """Write locked tallies back."""
    for column, name in (
        (_n.since, "since"),
        (_n.sent, "sent"),
        (_n.held_back, "held_back"),
        (_n.held_back_cents, "held_back_cents"),
        (_n.digest_id, "digest_id"),
    ):
        writes.update(column, _n.id, {tally.tally_id: getattr(tally, name) for tally in tallies})


def lock_digests(connection: Connection, task_ids: Collection[int | None]) -> dict[int | None, DigestTask]:
    """Lock the tasks of digests by id, in the order of their ids, and tell of each how far it got."""
    ids = sorted(task_id for task_id in task_ids if task_id)
    if not ids:
        return {}
    query = sa.select(_t.id, _t.state, _t.fencing_token, _t.due_time, _t.end_time).where(_t.id.in_(ids))
    return {
        row.id: DigestTask(row.state == TaskState.OPEN and row.fencing_token == 0, row.end_time or row.due_time)
        for row in connection.execute(query.order_by(_t.id).with_for_update())
    }


def get_amounts(connection: Connection, trans_ids: Collection[str]) -> Mapping[str, int]:
    """The amounts in cents, by TransID."""
    columns = paybill_payments.c
    query = sa.select(columns.trans_key, columns.TransAmount).where(columns.trans_key.in_(trans_ids))
    return {row.trans_key: row.TransAmount or 0 for row in connection.execute(query)}
