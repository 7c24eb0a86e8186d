"""Sends inserts and updates to the database together: on MySQL one round trip for all instead of one for each.

Owns how their text comes about: every value stands in it, escaped. Holds no query of any service, and never commits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

# Of a script's text: far below what a MySQL with default settings takes in one packet (64 MiB).
_MAX_SCRIPT = 1_000_000

Rows = Sequence[Mapping[str, Any]]


class Writes:
    """Statements that wait to be sent, in their order. Each value is converted and escaped once for all equal ones."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._is_mysql = connection.dialect.name == "mysql"
        driver: Any = connection.connection.driver_connection
        self._escape: Callable[[Any], str] = driver.escape if self._is_mysql else _sqlite_literal
        self._quote = connection.dialect.identifier_preparer.quote
        self._waiting: list[str] = []
        self._length = 0

    def insert(self, table: sa.Table, rows: Rows) -> None:
        """Insert rows, all with the same columns; none is fine."""
        if not rows:
            return
        columns = {name: table.c[name] for name in rows[0]}
        names = ", ".join(self._quote(column.name) for column in columns.values())
        literals = [self._literals(column, [row[name] for row in rows]) for name, column in columns.items()]
        for lot in _lots(f"({','.join(values)})" for values in zip(*literals, strict=True)):
            self._add(f"INSERT INTO {self._quote(table.name)} ({names}) VALUES {','.join(lot)}")  # noqa: S608

    def update(
        self,
        column: "sa.Column[Any]",
        key: "sa.Column[Any]",
        values: Mapping[int, Any],
        also: "Mapping[sa.Column[Any], Any]" = MappingProxyType({}),
    ) -> None:
        """Set one column of the rows with these keys, each to its value; none is fine. `also`: to the same in all."""
        keys: dict[Any, list[int]] = defaultdict(list)
        for one, value in values.items():
            keys[value].append(one)
        if not keys:
            return
        groups = list(zip(keys.values(), self._literals(column, list(keys)), strict=True))
        cases = " ".join(f"WHEN {self._among(key, some)} THEN {literal}" for some, literal in groups)
        # One value for all needs no look at each row's key: MySQL would look for it among all of them.
        new = {column: f"CASE {cases} END" if len(groups) > 1 else groups[0][1]}
        new |= {other: self._literals(other, [one])[0] for other, one in also.items()}
        assignments = ", ".join(f"{self._quote(one.name)} = {literal}" for one, literal in new.items())
        table = self._quote(column.table.name)
        self._add(f"UPDATE {table} SET {assignments} WHERE {self._among(key, values)}")  # noqa: S608

    def send(self) -> None:
        """Let the database carry out what waits. Raises what the first statement that fails raises."""
        waiting, self._waiting, self._length = self._waiting, [], 0
        # SQLite lives in this process: there is no round trip to save.
        for text in [";".join(waiting)] if self._is_mysql and waiting else waiting:
            try:
                # The text is whole: a % in it is no place for a value.
                self._connection.exec_driver_sql(text, None, {"no_parameters": True})
            except DBAPIError as error:
                error.statement = f"one of {len(waiting)} statements"  # its own text is full of values
                raise

    def _add(self, statement: str) -> None:
        if self._length + len(statement) > _MAX_SCRIPT:
            self.send()
        self._waiting.append(statement)
        self._length += len(statement)

    def _among(self, key: "sa.Column[Any]", keys: Iterable[int]) -> str:
        return f"{self._quote(key.name)} IN ({','.join(format(one, 'd') for one in keys)})"

    def _literals(self, column: "sa.Column[Any]", values: list[Any]) -> list[str]:
        convert = _converter(column, self._connection.dialect)
        literals = {value: self._escape(convert(value) if convert else value) for value in set(values)}
        return [literals[value] for value in values]


@contextmanager
def together(connection: sa.Connection) -> Iterator[Writes]:
    """Collect statements in the block, and send them at its end."""
    writes = Writes(connection)
    yield writes
    writes.send()


def _lots(tuples: Iterable[str]) -> Iterator[list[str]]:
    """The tuples in lots that fit into a script."""
    lot: list[str] = []
    length = 0
    for one in tuples:
        if lot and length + len(one) > _MAX_SCRIPT:
            yield lot
            lot, length = [], 0
        lot.append(one)
        length += len(one)
    yield lot


def _sqlite_literal(value: Any) -> str:
    """A value for SQLite, whose driver escapes none. A text with a NUL, which would end it, goes as its bytes."""
    match value:
        case None:
            return "NULL"
        case bytes() | memoryview():
            return f"X'{value.hex()}'"
        case str() if "\0" not in value:
            return "'" + value.replace("'", "''") + "'"
        case str():
            return f"CAST(X'{value.encode().hex()}' AS TEXT)"
        case _:
            return str(value)


@lru_cache(maxsize=1024)
def _converter(column: "sa.Column[Any]", dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)
