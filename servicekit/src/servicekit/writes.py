"""Sends inserts and updates to the database together: one round trip for all instead of one for each.

Owns how their text comes about. Holds no query of any service, and never commits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import sqlalchemy as sa

# Of a script's text: far below what a MySQL with default settings takes in one packet (64 MiB).
_LONGEST_SCRIPT = 1_000_000

Rows = Sequence[Mapping[str, Any]]


class Writes:
    """Statements that wait to be sent, in their order. Each conversion of a value is done once for all equal values."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._send: _Sender = _Script(connection) if connection.dialect.name == "mysql" else _OneByOne(connection)

    def insert(self, table: sa.Table, rows: Rows) -> None:
        """Insert rows, all with the same columns; none is fine."""
        if not rows:
            return
        columns = [self._values(table.c[name], [row[name] for row in rows]) for name in rows[0]]
        self._send.insert(_insert_head(table, tuple(rows[0]), self._connection.dialect), columns)

    def update(self, column: "sa.Column[Any]", value: object, key: "sa.Column[Any]", keys: Sequence[int]) -> None:
        """Set one column of the rows with these keys; none is fine."""
        if not keys:
            return
        quote = self._connection.dialect.identifier_preparer
        table, set_column, by = quote.format_table(column.table), quote.quote(column.name), quote.quote(key.name)
        head = f"UPDATE {table} SET {set_column} = {{}} WHERE {by} IN ({{}})"  # noqa: S608  # names of our own tables
        self._send.update(head, self._values(column, [value])[0], list(keys))

    def send(self) -> None:
        """Let the database carry out what waits. Raises what the first statement that fails raises."""
        self._send.flush()

    def _values(self, column: "sa.Column[Any]", values: list[Any]) -> list[Any]:
        convert = _converter(column, self._connection.dialect)
        return values if convert is None else _each_once(values, convert)


@contextmanager
def together(connection: sa.Connection) -> Iterator[Writes]:
    """Collect statements in the block, and send them at its end."""
    writes = Writes(connection)
    yield writes
    writes.send()


class _Sender(Protocol):
    """How statements reach a database. `head`: an INSERT up to VALUES, or an UPDATE with places for value and keys."""

    def insert(self, head: str, columns: list[list[Any]]) -> None: ...
    def update(self, head: str, value: object, keys: list[int]) -> None: ...
    def flush(self) -> None: ...


class _Script:
    """MySQL takes many statements in one packet, and stops at the first that fails.

    Every value is escaped by the driver, as it would do itself.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._statements: list[str] = []
        self._length = 0
        driver: Any = connection.connection.driver_connection
        self._escape: Callable[[Any], str] = driver.escape

    def insert(self, head: str, columns: list[list[Any]]) -> None:
        literals = [_each_once(column, self._escape) for column in columns]
        tuples = [f"({row})" for row in map(",".join, zip(*literals, strict=True))]
        for some in _cut(tuples):
            self._add(f"{head} {','.join(some)}")

    def update(self, head: str, value: object, keys: list[int]) -> None:
        self._add(head.format(self._escape(value), ",".join(map(self._escape, keys))))

    def _add(self, statement: str) -> None:
        if self._length + len(statement) > _LONGEST_SCRIPT:
            self.flush()
        self._statements.append(statement)
        self._length += len(statement)

    def flush(self) -> None:
        if self._statements:
            script = ";".join(self._statements)
            # The text is whole: a % in it is no place for a value.
            self._connection.exec_driver_sql(script, None, {"no_parameters": True})
        self._statements, self._length = [], 0


class _OneByOne:
    """SQLite lives in this process: there is no round trip to save."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, head: str, columns: list[list[Any]]) -> None:
        places = ", ".join("?" for _ in columns)
        self._connection.exec_driver_sql(f"{head} ({places})", list(zip(*columns, strict=True)))

    def update(self, head: str, value: object, keys: list[int]) -> None:
        places = ", ".join("?" for _ in keys)
        self._connection.exec_driver_sql(head.format("?", places), (value, *keys))

    def flush(self) -> None:
        pass


def _cut(tuples: list[str]) -> Iterator[list[str]]:
    """The tuples in lots that fit into a script."""
    lot: list[str] = []
    length = 0
    for one in tuples:
        if lot and length + len(one) > _LONGEST_SCRIPT:
            yield lot
            lot, length = [], 0
        lot.append(one)
        length += len(one)
    yield lot


def _each_once(values: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    converted = {value: convert(value) for value in set(values)}
    return [converted[value] for value in values]


@lru_cache(maxsize=256)
def _insert_head(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    quote = dialect.identifier_preparer
    return f"INSERT INTO {quote.format_table(table)} ({', '.join(map(quote.quote, names))}) VALUES"


@lru_cache(maxsize=1024)
def _converter(column: "sa.Column[Any]", dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)
