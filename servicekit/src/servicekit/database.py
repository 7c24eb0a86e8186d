"""Transactions and bounded queries, the same on MySQL, MariaDB and embedded SQLite.

Owns when a transaction is tried again, and how long a statement may take. Holds no query of any service, and does not
know how connections are made: see `engines`.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError

from servicekit import metrics
from servicekit.database_errors import (
    describe,
    meaning,
    refuses_a_row,
    waited_too_long,
    worth_repeating,
    would_have_to_wait,
)
from servicekit.rpc import call
from servicekit.rpc.errors import DatabaseUnavailable, RowLocked, ServiceError
from servicekit.seldom import Seldom

T = TypeVar("T")

log = structlog.get_logger()

_told = Seldom()

_ATTEMPTS = 8

_MAX_SECONDS = "max_seconds"


def transact(engine: sa.Engine, work: Callable[[sa.Connection], T], *, once: bool = False) -> T:
    """Run `work` in one transaction and commit.

    After a deadlock or a lost race for a key all of it runs again; after a lost connection once more, on a new one. The
    first run may have counted, if the COMMIT was under way: so `work` must look before it acts, and have no effect but
    on the database. Work that cannot tell is run `once`: not again after such a COMMIT.
    Raises RowLocked when another transaction holds a row, DatabaseRefuses when somebody must mend the database, and
    Cancelled or DeadlineExceeded when the caller does not wait any more: nothing was done; DatabaseUnavailable when the
    database cannot be reached or takes no writes: the outcome is unknown; DBAPIError when it refuses a row.
    """
    may_reconnect = True
    for attempt in range(1, _ATTEMPTS + 1):
        committing = False
        try:
            call.check()
            with engine.begin() as connection:
                result = work(connection)
                committing = True
            return result  # noqa: TRY300  # the transaction is committed by here
        except DBAPIError as error:
            lost = error.connection_invalidated
            repeats = may_reconnect and not (once and committing) if lost else worth_repeating(error)
            if not repeats or attempt == _ATTEMPTS or call.remaining() <= 0:
                if refuses_a_row(error):
                    raise
                raise meaning_of(error) from error
            metrics.REPEATS.inc()
            if times := _told.times(f"repeated after {describe(error)}"):
                log.info("transaction_repeated", cause=describe(error), lost_connection=lost, times=times)
            if lost:
                may_reconnect = False
            else:
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        except sa.exc.TimeoutError as error:  # the pool is empty
            raise meaning_of(error) from error
    raise AssertionError("the loop returns or raises")


def meaning_of(error: DBAPIError | sa.exc.TimeoutError) -> ServiceError:
    """The error for the caller; logged, though not each time."""
    said = meaning(error) if isinstance(error, DBAPIError) else DatabaseUnavailable("no database connection is free")
    metrics.FAULTS.labels(said.reason).inc()
    if not isinstance(said, RowLocked) and (times := _told.times(str(said))):
        log.error("database_fault", cause=str(said), reason=said.reason, times=times)
    return said


def rows_within(
    connection: sa.Connection,
    query: sa.Select[*tuple[Any, ...]],
    parameters: Mapping[str, Any],
    *,
    seconds: float | None = None,
) -> Sequence[Any]:
    """The rows of a query, which are locked until the transaction ends if it says FOR UPDATE.

    `seconds`: how long it may take, waiting for others included; then it raises RowLocked. SQLite has one writer, and
    nobody to wait for here.
    """
    try:
        return connection.execute(query, parameters, execution_options={_MAX_SECONDS: seconds}).all()
    except DBAPIError as error:
        if seconds is not None and waited_too_long(error):
            raise RowLocked("another transaction holds a row") from error
        raise


def refused_at_once(connection: sa.Connection, query: sa.Select[Any]) -> bool:
    """Whether a locking read with NOWAIT finds a row that another transaction holds; else the rows are locked."""
    try:
        connection.execute(query).all()
    except DBAPIError as error:
        if would_have_to_wait(error):
            return True
        raise
    return False


def before_statement(
    connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, context: Any, _many: bool
) -> tuple[str, Any]:
    """What engines do before a statement: end with the caller, and bound a query for which `rows_within` says so.

    In milliseconds, which a session's lock wait cannot.
    """
    call.check()
    seconds = context.execution_options.get(_MAX_SECONDS) if context else None
    if seconds is None or connection.dialect.name == "sqlite":
        return statement, parameters
    if connection.dialect.is_mariadb:  # type: ignore[attr-defined]
        return f"SET STATEMENT max_statement_time={seconds:.3f} FOR {statement}", parameters
    hint = f"/*+ MAX_EXECUTION_TIME({max(1, round(seconds * 1000))}) */"
    return statement.replace("SELECT", f"SELECT {hint}", 1), parameters


def begin_in_sqlite(connection: sa.Connection) -> None:
    """Begin so that others wait: a transaction that first reads and then writes could fail with SQLITE_BUSY at once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
