"""The indexes that a table is looked up by, created where nothing that is there will do."""

from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.types import TypeEngine

log = structlog.get_logger()

# How much of a column stands in a key that would be too long. No unique key is: those are of numbers and short keys.
_PREFIX = 191
_LONGEST = 768


def create_missing(connection: Connection, table: sa.Table) -> None:
    """Create the indexes that a table lacks. One that starts with the same columns will do."""
    inspector = sa.inspect(connection)
    there = inspector.get_indexes(table.name)
    long = [one["name"] for one in inspector.get_columns(table.name) if _length(one["type"]) > _LONGEST]
    for index in table.to_metadata(sa.MetaData()).indexes:
        names = [column.name for column in index.columns]
        if any(_will_do(old, names, unique=bool(index.unique)) for old in there):
            continue
        index.dialect_kwargs["mysql_length"] = {name: _PREFIX for name in names if name in long}
        index.create(connection)
        log.info("index_added", table=table.name, columns=names, unique=bool(index.unique))


def _will_do(there: ReflectedIndex, names: list[str], *, unique: bool) -> bool:
    """A FULLTEXT index finds words, not values."""
    columns = there["column_names"]
    if there.get("type") in {"FULLTEXT", "SPATIAL"} or columns[: len(names)] != names:
        return False
    return not unique or (bool(there["unique"]) and len(columns) == len(names))


def _length(type_: TypeEngine[Any]) -> int:
    """How many characters; those of a TEXT have no bound that a key could have."""
    return (type_.length or 2**16) if isinstance(type_, sa.String) and not isinstance(type_, sa.Enum) else 0
