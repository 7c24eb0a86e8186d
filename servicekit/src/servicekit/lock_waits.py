"""Queries that wait for others no longer than they say, the same on MySQL, MariaDB and embedded SQLite.

Owns how long a statement may take. Holds no query of any service, and begins no transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from servicekit.database_errors import waited_too_long, would_have_to_wait
from servicekit.rpc import call
from servicekit.rpc.errors import RowLocked

_MAX_SECONDS = "max_seconds"


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
