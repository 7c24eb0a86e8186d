"""Sends inserts and updates to the database together: one round trip for all instead of one for each.

Owns how their text comes about. Holds no query of any service, and never commits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

# Of a script's text: far below what a MySQL with default settings takes in one packet (64 MiB).
_MAX_SCRIPT = 1_000_000

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
        self._send.insert(
            _insert_head(table, tuple(table.c[name].name for name in rows[0]), self._connection.dialect), columns
        )

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
        if keys:
            converted = self._values(column, list(keys))
            groups = list(zip(converted, keys.values(), strict=True))
            self._send.update(self._places(column, key, also), groups)

    def send(self) -> None:
        """Let the database carry out what waits. Raises what the first statement that fails raises."""
        self._send.flush()

    def _places(
        self, column: "sa.Column[Any]", key: "sa.Column[Any]", also: "Mapping[sa.Column[Any], Any]"
    ) -> "_Update":
        quote = self._connection.dialect.identifier_preparer
        same = {quote.quote(other.name): self._values(other, [value])[0] for other, value in also.items()}
        return _Update(quote.format_table(column.table), quote.quote(column.name), quote.quote(key.name), same)

    def _values(self, column: "sa.Column[Any]", values: list[Any]) -> list[Any]:
        convert = _converter(column, self._connection.dialect)
        return values if convert is None else _each_once(values, convert)


@contextmanager
def together(connection: sa.Connection) -> Iterator[Writes]:
    """Collect statements in the block, and send them at its end."""
    writes = Writes(connection)
    yield writes
    writes.send()


# A value, and the keys of the rows that get it.
Groups = Sequence[tuple[Any, list[int]]]


@dataclass(frozen=True, slots=True)
class _Update:
    """The names in an UPDATE, quoted, and the values that are the same in all rows."""

    table: str
    column: str
    key: str
    same: Mapping[str, Any]

    def text(self, groups: Groups, place: Callable[[Any], str]) -> str:
        """The statement; `place` says what stands for a value, in the order in which they are asked for."""
        new = self._cases(groups, place) if len(groups) > 1 else place(groups[0][0])
        same = "".join(f", {name} = {place(value)}" for name, value in self.same.items())
        every = [one for _, keys in groups for one in keys]
        return f"UPDATE {self.table} SET {self.column} = {new}{same} WHERE {self._among(every, place)}"  # noqa: S608

    def _cases(self, groups: Groups, place: Callable[[Any], str]) -> str:
        cases = (f"WHEN {self._among(keys, place)} THEN {place(value)}" for value, keys in groups)
        return f"CASE {' '.join(cases)} END"

    def _among(self, keys: list[int], place: Callable[[Any], str]) -> str:
        return f"{self.key} IN ({','.join(map(place, keys))})"


class _Sender(Protocol):
    """How statements reach a database. `head`: an INSERT up to VALUES."""

    def insert(self, head: str, columns: list[list[Any]]) -> None: ...
    def update(self, names: _Update, groups: Groups) -> None: ...
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

    def update(self, names: _Update, groups: Groups) -> None:
        self._add(names.text(groups, self._escape))

    def _add(self, statement: str) -> None:
        if self._length + len(statement) > _MAX_SCRIPT:
            self.flush()
        self._statements.append(statement)
        self._length += len(statement)

    def flush(self) -> None:
        if self._statements:
            script = ";".join(self._statements)
            try:
                # The text is whole: a % in it is no place for a value.
                self._connection.exec_driver_sql(script, None, {"no_parameters": True})
            except DBAPIError as error:
                error.statement = f"a script of {len(self._statements)} statements"  # its own text is full of values
                raise
        self._statements, self._length = [], 0


class _OneByOne:
    """SQLite lives in this process: there is no round trip to save."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, head: str, columns: list[list[Any]]) -> None:
        places = ", ".join("?" for _ in columns)
        self._connection.exec_driver_sql(f"{head} ({places})", list(zip(*columns, strict=True)))

    def update(self, names: _Update, groups: Groups) -> None:
        values: list[Any] = []

        def place(value: Any) -> str:
            values.append(value)
            return "?"

        self._connection.exec_driver_sql(names.text(groups, place), tuple(values))

    def flush(self) -> None:
        pass


def _cut(tuples: list[str]) -> Iterator[list[str]]:
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
