"""Queries on how many messages were sent: one row for each topic and recipient."""

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.models import notice_tallies
from billing.topics import Tally, Topic

Key = tuple[Topic, str]

_n = notice_tallies.c
_LOCK = (
    sa.select(notice_tallies)
    .where(sa.tuple_(_n.topic, _n.recipient).in_(sa.bindparam("keys", expanding=True)))
    .order_by(_n.topic, _n.recipient)
    .with_for_update()
)


def lock(connection: Connection, keys: Collection[Key], since: datetime) -> dict[Key, Tally]:
    """The tallies of these topics and recipients, locked until the transaction ends: call it as late as possible.

    A missing one is created and begins at `since`.
    """
    found = _find(connection, keys)
    if missing := sorted(set(keys) - found.keys()):
        # Another transaction may create the same one just now: the doubled key has this one run again.
        rows = [{"topic": topic, "recipient": name, "since": since, **_NOTHING} for topic, name in missing]
        connection.execute(sa.insert(notice_tallies), rows)
        found |= _find(connection, missing)
    return found


_NOTHING = {"sent": 0, "held_back": 0, "held_back_cents": 0, "digest_id": None}


def _find(connection: Connection, keys: Collection[Key]) -> dict[Key, Tally]:
    rows = connection.execute(_LOCK, {"keys": sorted(keys)})
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
