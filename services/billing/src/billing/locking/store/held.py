"""Finds out which rows another transaction holds.

A module of its own: only who waited for a row in vain looks.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from servicekit.lock_waits import refused_at_once, rows_within
from sqlalchemy import Connection

from billing.locking.rules import Key, Row, RowKind
from billing.locking.store.locks import KEYS

# Nobody waits for a row here, but whoever alters or locks a whole table may hold it up; in seconds.
_LOOK = 0.15


def find_held(connection: Connection, rows: Collection[Row]) -> set[Row]:
    """Those of these rows that another transaction holds just now. Raises RowLocked when a whole table is held."""
    by_kind: dict[RowKind, list[Key]] = defaultdict(list)
    for row in rows:
        by_kind[row.kind].append(row.key)
    return {Row(kind, key) for kind, keys in by_kind.items() for key in _find_held(connection, KEYS[kind], keys)}


def _find_held(connection: Connection, column: "sa.Column[Any]", keys: list[Key]) -> set[Key]:
    table_id = column.table.c.id
    query = sa.select(table_id, column).where(column.in_(keys))
    free = {row[0] for row in rows_within(connection, query.with_for_update(skip_locked=True), {}, seconds=_LOOK)}
    there = rows_within(connection, query, {}, seconds=_LOOK)
    seen = {row[1] for row in there}.intersection(keys)
    held = seen & {row[1] for row in there if row[0] not in free}
    # Nobody sees what another transaction has inserted and not committed; and a collation may take ä for a.
    return held | _find_unseen(connection, column, [key for key in keys if key not in seen])


def _find_unseen(connection: Connection, column: "sa.Column[Any]", keys: list[Key]) -> set[Key]:
    if not keys or _is_free(connection, column, keys):
        return set()
    if len(keys) == 1:
        return set(keys)
    middle = len(keys) // 2
    return _find_unseen(connection, column, keys[:middle]) | _find_unseen(connection, column, keys[middle:])


def _is_free(connection: Connection, column: "sa.Column[Any]", keys: list[Key]) -> bool:
    query = sa.select(column).where(column.in_(keys)).with_for_update(nowait=True)
    return not refused_at_once(connection, query)
