"""Looks at the tables that are there before a service's migrations run, and makes them what the service needs.

Each step looks before it acts, because MySQL commits each ALTER by itself: one that was cut off is run again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from servicekit.schema import rights, tables
from servicekit.schema.findings import Findings, Question
from servicekit.schema.rights import Rights
from servicekit.schema.snapshot import Schema
from servicekit.schema.tables import Fit

log = structlog.get_logger()

# Tables by name, each with columns that tell it from a table of somebody else's with its name.
Known = Mapping[str, Collection[str]]


def fits(connection: Connection, schema: Schema, wanted: sa.MetaData, own: Known, kept: Known) -> list[Fit]:
    """What each table needs that is there.

    `wanted` are those that others may have made and filled, `own` what our migrations make, `kept` those whose columns
    are left as they are.
    """
    there = schema.tables
    return [
        *(tables.fit(schema, table, connection.dialect) for table in wanted.sorted_tables if table.name in there),
        *(tables.fit_own(there[name], ours) for name, ours in own.items() if name in there),
        *(
            tables.fit_kept(there[name], ours)
            for name, ours in kept.items()
            if name in there and not there[name].is_view
        ),
    ]


def look(connection: Connection, schema: Schema, found: Iterable[Fit]) -> Findings:
    """What stands in the way of making the tables fit, and what will be done."""
    held = rights.read(connection)
    obstacles = list(_server(connection, schema, held))
    may_read = not held.missing(schema.name, "*", ["SELECT"])
    changes: list[str] = []
    for fit in found:
        obstacles += fit.obstacles
        obstacles += [one.obstacle for one in fit.questions if may_read and answer(connection, one)]
        changes += [f"{fit.table}: {change.words}" for change in fit.changes]
    return Findings(obstacles, changes=changes)


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


def alter(connection: Connection, found: Iterable[Fit]) -> None:
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
