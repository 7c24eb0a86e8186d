"""Deletes old records, a bite in a transaction of its own."""

from datetime import datetime

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.retention import Bite, check_age
from sqlalchemy import Connection, Engine

from billing.retention import store
from billing.retention.rules import RecordKind


def purge(engine: Engine, kind: RecordKind, before: datetime, after_id: int, asked: int) -> Bite:
    """Delete what is old of the next rows. Raises InvalidRetention."""

    def work(connection: Connection) -> Bite:
        check_age(before, current_time(connection))
        return store.purge(connection, kind, before, after_id, asked)

    return transact(engine, work)
