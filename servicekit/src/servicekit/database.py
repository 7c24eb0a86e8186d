"""Engines, transactions and the clock, the same on MySQL and on embedded SQLite.

Owns how a connection is set up and when a transaction is tried again. Holds no query of any service.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions, convert_datetime, escape_datetime
from pymysql.cursors import Cursor
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from servicekit.database_errors import (
    describe,
    is_of_a_useless_connection,
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

# What a server's own settings must not decide.
_SESSION = {
    "time_zone": "'+00:00'",
    # A value that does not fit is refused, not cut or made up; quotes and backslashes mean what the driver thinks.
    "sql_mode": "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
}
# Seconds that a statement waits for a row, and for a table that somebody alters: a caller waits five for all of it.
_SHORT_WAITS = {"innodb_lock_wait_timeout": "1", "lock_wait_timeout": "2"}

_ATTEMPTS = 8

_MAX_SECONDS = "max_seconds"

_SQLITE_CLOCK = "rejesha_now"

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


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment with microseconds: stored without a zone in UTC, aware in Python."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


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
    sa.event.listen(engine, "before_cursor_execute", _limit, retval=True)
    sa.event.listen(engine, "handle_error", _leave_useless_connection)
    sa.event.listen(engine, "before_cursor_execute", _end_with_the_caller)
    return engine


def _end_with_the_caller(*_statement: Any) -> None:
    """Let a transaction of many statements end early when nobody waits for it any more."""
    call.check()


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
    sa.event.listen(engine, "before_cursor_execute", _end_with_the_caller)

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin our transactions ourselves
        connection.create_function(_SQLITE_CLOCK, 0, lambda: f"{datetime.now(UTC):%F %T.%f}")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A deferred transaction that first reads and then writes can fail with SQLITE_BUSY at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _limit(
    connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, context: Any, _many: bool
) -> tuple[str, Any]:
    """Bound a query for which `rows_within` said so: in milliseconds, which a session's lock wait cannot."""
    seconds = context.execution_options.get(_MAX_SECONDS) if context else None
    if seconds is None:
        return statement, parameters
    if connection.dialect.is_mariadb:  # type: ignore[attr-defined]
        return f"SET STATEMENT max_statement_time={seconds:.3f} FOR {statement}", parameters
    hint = f"/*+ MAX_EXECUTION_TIME({max(1, round(seconds * 1000))}) */"
    return statement.replace("SELECT", f"SELECT {hint}", 1), parameters


def rows_within(
    connection: sa.Connection, query: sa.Select[Any], parameters: Mapping[str, Any], *, seconds: float | None = None
) -> Sequence[Any]:
    """The rows of a query, which are locked until the transaction ends if it says FOR UPDATE.

    `seconds`: how long it may take, waiting for others included; then it raises RowLocked. Meanwhile it keeps its place
    in the database's queue. SQLite has one writer, and nobody to wait for here.
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


def transact(engine: sa.Engine, work: Callable[[sa.Connection], T], *, once: bool = False) -> T:
    """Run `work` in one transaction and commit.

    After a deadlock or a lost race for a key the whole of it runs again; after a lost connection it runs
    once more on a new one. If the connection broke while the COMMIT was under way, the first run may have counted: so
    `work` must look before it acts, and have no effect but on the database. Work that cannot tell is run `once`: it
    does not run again after a COMMIT whose outcome is unknown.
    Nothing is begun, and no statement sent, for a caller who does not wait any more: Cancelled, DeadlineExceeded.
    Raises RowLocked when another transaction holds a row, and DatabaseRefuses when somebody must mend the database:
    nothing was done; DatabaseUnavailable when the database cannot be reached or takes no writes: the outcome is
    unknown; DBAPIError when it refuses a row.
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
            reconnects = lost and may_reconnect and not (once and committing)
            last = attempt == _ATTEMPTS or call.remaining() <= 0
            if last or not (worth_repeating(error) or reconnects):
                if refuses_a_row(error):
                    raise
                raise meaning_of(error) from error
            if times := _told.times(f"repeated after {describe(error)}"):
                log.info("transaction_repeated", cause=describe(error), lost_connection=lost, times=times)
            may_reconnect = may_reconnect and not lost
            if not lost:
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        except sa.exc.TimeoutError as error:  # the pool is empty
            raise meaning_of(error) from error
    raise AssertionError("the loop returns or raises")


def meaning_of(error: DBAPIError | sa.exc.TimeoutError) -> ServiceError:
    """The error for the caller; logged, though not each time."""
    said = meaning(error) if isinstance(error, DBAPIError) else DatabaseUnavailable("no database connection is free")
    if not isinstance(said, RowLocked) and (times := _told.times(str(said))):
        log.error("database_fault", cause=str(said), reason=said.reason, times=times)
    return said


class clock(FunctionElement[datetime]):  # noqa: N801  # it stands in queries as functions do
    """The database's clock, the only one that leases and due times obey."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(clock)
def _of_mysql(_element: clock, _compiler: Any, **_options: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(clock, "sqlite")
def _of_this_process(_element: clock, _compiler: Any, **_options: Any) -> str:
    return f"{_SQLITE_CLOCK}()"


_NOW = sa.select(clock())


def current_time(connection: sa.Connection) -> datetime:
    """What the database's clock says."""
    return connection.execute(_NOW).scalar_one()
