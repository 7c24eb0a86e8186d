"""Engines: how connections to MySQL, MariaDB and embedded SQLite are set up. All differences of sessions are here.

Runs no statement of its own but those that set a session up; see `database` for transactions.
"""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions, convert_datetime, escape_datetime
from pymysql.cursors import Cursor

from servicekit import metrics
from servicekit.database_errors import is_of_a_useless_connection
from servicekit.lock_waits import before_statement

# What a server's own settings must not decide.
_SESSION = {
    "time_zone": "'+00:00'",
    # A value that does not fit is refused, not cut or made up; quotes and backslashes mean what the driver thinks.
    "sql_mode": "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
}
# Seconds that a statement waits for a row, and for a table that somebody alters: a caller waits five for all of it.
_SHORT_WAITS = {"innodb_lock_wait_timeout": "1", "lock_wait_timeout": "2"}

# The `answer_seconds` of a migration: an ALTER of a large table takes as long as it takes.
PATIENT = 24 * 60 * 60


def _write_moment(moment: datetime, mapping: Any = None) -> str:
    return escape_datetime(moment, mapping) if moment.tzinfo else f"'{moment.isoformat(' ')}'"


def _read_moment(written: str) -> Any:
    try:
        return datetime.fromisoformat(written)
    except ValueError:  # such as a predecessor's 0000-00-00
        return convert_datetime(written)


# The driver's own ways with moments take 9 and 12 µs: half of what a row of four costs.
_CONVERSIONS = conversions | {
    datetime: _write_moment,
    FIELD_TYPE.DATETIME: _read_moment,
    FIELD_TYPE.TIMESTAMP: _read_moment,
}


def create_engine(url: str, *, pool_size: int = 8, answer_seconds: int = 10) -> sa.Engine:
    """An engine for `mysql://…`, `mariadb://…` or `sqlite:///path`; connects on first use.

    A URL may name the driver, as in `mysql+pymysql://…`; there is one, and one dialect for both servers.

    `answer_seconds`: a MySQL that is silent for longer counts as gone. Migrations need more: see `PATIENT`.
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite_engine(address)
    address = address.set(drivername="mysql+pymysql")
    # A migration may have to wait until the services are done with a table.
    session = _SESSION if answer_seconds >= PATIENT else _SESSION | _SHORT_WAITS
    engine = sa.create_engine(
        address,
        hide_parameters=True,  # an error's text must not carry names and numbers into a log
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,  # no ping before use: `transact` runs again when a connection turns out to be dead
        pool_reset_on_return=None,  # `transact` ends every transaction itself; one more ROLLBACK would be a round trip
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": 5,
            "read_timeout": answer_seconds,
            "write_timeout": answer_seconds,
            "charset": "utf8mb4",
            "client_flag": CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS,
            "cursorclass": _WholeScript,
            "conv": _CONVERSIONS,
            "init_command": f"SET {', '.join(f'{name} = {value}' for name, value in session.items())}",
        },
    )
    sa.event.listen(engine, "before_cursor_execute", before_statement, retval=True)
    sa.event.listen(engine, "handle_error", _leave_useless_connection)
    return _measured(engine)


def _measured(engine: sa.Engine) -> sa.Engine:
    """Let Prometheus see this engine's pool, and no longer the one before: a process has one."""

    def pool() -> sa.QueuePool:  # it is replaced when its connections turn out to be useless
        return cast("sa.QueuePool", engine.pool)

    metrics.CONNECTIONS.labels("in_use").set_function(lambda: pool().checkedout())
    metrics.CONNECTIONS.labels("idle").set_function(lambda: pool().checkedin())
    return engine


def _leave_useless_connection(context: sa.ExceptionContext) -> None:
    """Take a server that takes no writes, or goes down, for one that is gone: the pool makes all connections anew.

    Without this a pool would stay with the old server after a failover, for as long as that one answers.
    """
    if is_of_a_useless_connection(context.original_exception):
        context.is_disconnect = True


class _WholeScript(Cursor):
    """Reads the answers to all statements of a script, so that the failure of a later one is raised as well."""

    def execute(self, query: str, args: Any = None) -> int:
        affected = super().execute(query, args)
        while self.nextset():
            affected = self.rowcount
        return affected


def _sqlite_engine(address: sa.URL) -> sa.Engine:
    arguments = {"timeout": 15, "check_same_thread": False}
    engine = sa.create_engine(address, hide_parameters=True, connect_args=arguments)
    sa.event.listen(engine, "before_cursor_execute", before_statement, retval=True)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_in_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin our transactions ourselves
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_in_sqlite(connection: sa.Connection) -> None:
    """Begin so that others wait: a transaction that first reads and then writes could fail with SQLITE_BUSY at once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
