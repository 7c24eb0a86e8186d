"""Foreign keys, in any schema and onto any column, that refer to rows which are set aside: they are made to refer to
the row that stays. What cannot be is said before anything is changed.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from servicekit.schema.rights import Rights
from servicekit.schema.snapshot import ForeignKey, Index, Schema, read_indexes
from sqlalchemy import Connection

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Repointing:
    """A foreign key, and what its columns must become: the values of a row that goes, then those of the one that stays.

    Values that are the same in both rows are not among them.
    """

    key: ForeignKey
    values: Mapping[Values, Values]

    @property
    def table(self) -> str:
        return f"`{self.key.schema}`.`{self.key.table}`"


def repointings(connection: Connection, schema: Schema, table: str, pairs: Mapping[int, int]) -> Iterator[Repointing]:
    """What refers to a table's rows, of which those in `pairs` go, each with the one that stays in its place."""
    for key in schema.references_to(table):
        names = ", ".join(f"`{name}`" for name in key.referenced_columns)
        query = sa.text(f"SELECT id, {names} FROM `{table}` WHERE id IN :ids")  # noqa: S608
        ids: sa.BindParameter[int] = sa.bindparam("ids", [*pairs, *pairs.values()], expanding=True)
        rows = {row[0]: tuple(row[1:]) for row in connection.execute(query.bindparams(ids))}
        values = {rows[gone]: rows[stays] for gone, stays in pairs.items() if rows[gone] != rows[stays]}
        yield Repointing(key, {old: new for old, new in values.items() if None not in old})


def repoint(connection: Connection, repointing: Repointing) -> None:
    """Let the rows that refer to those that go refer to those that stay."""
    columns = repointing.key.columns
    settings = ", ".join(f"`{name}` = :new_{place}" for place, name in enumerate(columns))
    same = " AND ".join(f"`{name}` = :old_{place}" for place, name in enumerate(columns))
    update = sa.text(f"UPDATE {repointing.table} SET {settings} WHERE {same}")  # noqa: S608
    for old, new in repointing.values.items():
        values = {f"old_{place}": value for place, value in enumerate(old)}
        connection.execute(update, values | {f"new_{place}": value for place, value in enumerate(new)})


def obstacles(connection: Connection, schema: Schema, rights: Rights, repointing: Repointing) -> Iterator[str]:
    """Why references cannot be changed, each with what to do about it."""
    key, values = repointing.key, repointing.values
    if not values:
        return
    of_rows = f"{key} refers to doubled rows of {key.referenced_table}, which become one"
    if lacking := rights.missing(key.schema, key.table, ["SELECT", "UPDATE"]):
        words = ", ".join(lacking)
        yield f"{of_rows}, and the database's user may not change it: GRANT {words} ON {key.schema}.{key.table}"
        return
    referring = _referring(connection, repointing)
    if not referring:
        return
    if any(None in new for new in values.values()):
        names = ", ".join(key.referenced_columns)
        yield f"{of_rows}, and the row that stays has no value in {names}: give it one, or let go of the references"
    for other in schema.foreign_keys:
        onto = (other.referenced_schema, other.referenced_table) == (key.schema, key.table)
        if onto and other.on_update != "CASCADE" and set(other.referenced_columns) & set(key.columns):
            yield f"{of_rows}, and {other} refers to it in turn: drop that key, and add it after the migration"
    for index in read_indexes(connection, key.schema).get(key.table, ()):
        if doubled := _would_double(referring, index, repointing):
            names = ", ".join(index.columns)
            yield (
                f"{of_rows}, and its key {index.name} on {names} allows one row where there would be {doubled}:"
                " leave one of them"
            )


def _referring(connection: Connection, repointing: Repointing) -> Sequence[Mapping[str, Any]]:
    """The rows that refer to those that go or stay."""
    names = ", ".join(f"`{name}`" for name in repointing.key.columns)
    query = sa.text(f"SELECT * FROM {repointing.table} WHERE ({names}) IN :values")  # noqa: S608
    values: Collection[Values] = {*repointing.values, *repointing.values.values()}
    several = len(repointing.key.columns) > 1
    bound: sa.BindParameter[Any] = sa.bindparam("values", [v if several else v[0] for v in values], expanding=True)
    return [dict(row) for row in connection.execute(query.bindparams(bound)).mappings()]


def _would_double(rows: Sequence[Mapping[str, Any]], index: Index, repointing: Repointing) -> int:
    """How many rows would have one value of a unique key afterwards; 0 when each has its own."""
    columns = repointing.key.columns
    if not index.unique or not index.whole or not set(index.columns) & set(columns):
        return 0
    counted: Counter[Values] = Counter()
    for row in rows:
        old = tuple(row[name] for name in columns)
        new = {**row, **dict(zip(columns, repointing.values.get(old, old), strict=True))}
        value = tuple(new[name] for name in index.columns)
        counted[value] += None not in value
    most = max(counted.values(), default=0)
    return most if most > 1 else 0
