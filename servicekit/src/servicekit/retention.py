"""Deleting old rows a bite at a time, so that whoever writes beside it waits for nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from servicekit.rpc.errors import InvalidArgument

# Whoever repeats a call or a callback does it within days: what is younger is in use.
YOUNGEST = timedelta(days=7)
DEFAULT_BITE, MAX_BITE = 200, 1000


class InvalidRetention(InvalidArgument):
    """What shall be deleted is too young, or is nothing that may be."""

    reason = "INVALID_RETENTION"


@dataclass(frozen=True, slots=True)
class Ageing:
    """Rows that may be deleted: their table, by which moment they are old, and which of them are done with."""

    table: sa.Table
    moment: sa.ColumnElement[Any]
    ended: sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Bite:
    """How many rows were deleted; `last_id`: where to go on, 0 when nothing older is left."""

    deleted: int
    last_id: int


def check_age(before: datetime, now: datetime) -> None:
    """Raise InvalidRetention when it is less than YOUNGEST ago."""
    if before > now - YOUNGEST:
        raise InvalidRetention(f"before: at least {YOUNGEST.days} days ago")


def bite(connection: sa.Connection, ageing: Ageing, before: datetime, after_id: int, asked: int) -> Bite:
    """Look at the next rows by id and delete the old ones that ended.

    Ids rise with time, so that no index on time is needed: where no row is old, none behind is. The rows are named by
    their ids, which locks them and nothing beside them.
    """
    size = min(asked, MAX_BITE) if asked > 0 else DEFAULT_BITE
    id_ = ageing.table.c.id
    looked = sa.select(id_, (ageing.moment < before).label("old"), ageing.ended.label("ended"))
    rows = connection.execute(looked.where(id_ > after_id).order_by(id_).limit(size)).all()
    gone = [row.id for row in rows if row.old and row.ended]
    if gone:
        connection.execute(sa.delete(ageing.table).where(id_.in_(gone)))
    more = len(rows) == size and any(row.old for row in rows)
    return Bite(len(gone), rows[-1].id if more else 0)
