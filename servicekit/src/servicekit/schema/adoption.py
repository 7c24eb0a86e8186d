"""Looks at the tables that are there before a service's migrations run, and makes them what the service needs.

Each step looks before it acts, because MySQL commits each ALTER by itself: one that was cut off is run again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from servicekit.schema import rights, snapshot, tables
from servicekit.schema.findings import Findings, Question, Refused
from servicekit.schema.rights import Rights
from servicekit.schema.snapshot import Schema
from servicekit.schema.tables import Fit

log = structlog.get_logger()

# Tables by name, each with columns that tell it from a table of somebody else's with its name.
Known = Mapping[str, Collection[str]]


def nothing_more(connection: Connection, schema: Schema) -> Findings:  # noqa: ARG001  # stands for those that look
    """What a service finds that has nothing of its own to look for."""
    return Findings()


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a service makes of a schema that is there.

    `wanted` are tables that others may have made and filled, `own` what its migrations make, `kept` those whose columns
    are left as they are. `look_further` finds what the rows have to say; it is asked when they may be read.
    """

    wanted: sa.MetaData
    own: Known
    kept: Known = field(default_factory=dict)
    look_further: Callable[[Connection, Schema], Findings] = nothing_more

    def inspect(self, connection: Connection) -> Findings:
        """What stands in the way of a migration, and what it will do. Changes nothing."""
        if connection.dialect.name != "mysql":
            return Findings()
        schema = snapshot.read(connection)
        return self._look(connection, schema, self._fits(connection, schema))

    def prepare(self, connection: Connection) -> None:
        """Make the tables that are there what the migrations expect. Raises Refused before anything is changed."""
        if connection.dialect.name != "mysql":
            return
        schema = snapshot.read(connection)
        fits = self._fits(connection, schema)
        findings = self._look(connection, schema, fits)
        if findings.obstacles:
            raise Refused(findings)
        for warning in findings.warnings:
            log.warning("adoption_warning", warning=warning)
        connection.commit()
        _alter(connection, fits)

    def _fits(self, connection: Connection, schema: Schema) -> list[Fit]:
        there, dialect = schema.tables, connection.dialect
        return [
            *(tables.fit(schema, table, dialect) for table in self.wanted.sorted_tables if table.name in there),
            *(tables.fit_own(there[name], ours) for name, ours in self.own.items() if name in there),
            *(tables.fit_kept(there[name], ours) for name, ours in self.kept.items() if name in there),
        ]

    def _look(self, connection: Connection, schema: Schema, fits: Iterable[Fit]) -> Findings:
        held = rights.read(connection)
        obstacles = list(_server(connection, schema, held))
        may_read = not held.missing(schema.name, "*", ["SELECT"])
        changes: list[str] = []
        for fit in fits:
            obstacles += fit.obstacles
            obstacles += [one.obstacle for one in fit.questions if may_read and answer(connection, one)]
            changes += [f"{fit.table}: {change.words}" for change in fit.changes]
        found = Findings(obstacles, changes=changes)
        return found + self.look_further(connection, schema) if may_read else found


def _server(connection: Connection, schema: Schema, held: Rights) -> Iterator[str]:
    if rights.refuses_writes(connection):
        yield "This server only reads (read_only is ON), as a replica does: name the one that takes writes"
    if lacking := held.missing(schema.name, "*", rights.TO_MIGRATE):
        words = ", ".join(lacking)
        yield (
            f"The database's user has no right to {words} in {schema.name}."
            f" Grant it: GRANT {words} ON {schema.name}.* TO the user"
        )


def answer(connection: Connection, question: Question) -> bool:
    """Whether there is a row that stands in the way."""
    return connection.execute(sa.text(question.query)).first() is not None


def _alter(connection: Connection, found: Iterable[Fit]) -> None:
    """Make the changes: one ALTER for each table."""
    with _lenient(connection), foreign_keys_unchecked(connection):
        for fit in found:
            if fit.changes:
                clauses = ", ".join(change.clause for change in fit.changes)
                connection.exec_driver_sql(f"ALTER TABLE `{fit.table}` {clauses}".replace("%", "%%"))
                log.info("table_adopted", table=fit.table, changes=[change.words for change in fit.changes])


@contextmanager
def _lenient(connection: Connection) -> Iterator[None]:
    """Copy old rows as they are.

    A strict server refuses dates such as 0000-00-00, and any server gives a row with the id 0 another one.
    """
    mode = connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one()
    words = [word for word in mode.split(",") if word not in {"", "NO_ZERO_DATE", "NO_ZERO_IN_DATE"}]
    kept = ",".join([*words, "NO_AUTO_VALUE_ON_ZERO", "STRICT_ALL_TABLES"])
    connection.execute(sa.text("SET SESSION sql_mode = :mode"), {"mode": kept})
    yield
    connection.execute(sa.text("SET SESSION sql_mode = :mode"), {"mode": mode})


@contextmanager
def foreign_keys_unchecked(connection: Connection) -> Iterator[None]:
    """What refers to a row is not touched with it, and a column may be numbered though others refer to it."""
    connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
    yield
    connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")
