"""Transactions, the same on MySQL, MariaDB and embedded SQLite.

Owns when a transaction is tried again. Holds no query of any service, and does not know how connections are made: see
`engines`; nor how long a query may wait: see `lock_waits`.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError

from servicekit import metrics
from servicekit.database_errors import describe, meaning, refuses_a_row, worth_repeating
from servicekit.rpc import call
from servicekit.rpc.errors import DatabaseUnavailable, RowLocked, ServiceError
from servicekit.seldom import Seldom

T = TypeVar("T")

log = structlog.get_logger()

_told = Seldom()

_ATTEMPTS = 8


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
