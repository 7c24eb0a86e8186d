"""Deletes old records that are no money."""

from datetime import datetime

import sqlalchemy as sa
from servicekit.moments import clock
from servicekit.retention import Ageing, Bite, bite
from sqlalchemy import Connection

from billing.quarantine.rules import QuarantineState
from billing.retention.rules import RecordKind
from billing.schema import payment_debug_log, payment_deliveries, quarantine, tasks
from billing.tasks.rules import TaskState

_log, _delivered, _tasks, _kept = payment_debug_log.c, payment_deliveries.c, tasks.c, quarantine.c
_AGEING = {
    RecordKind.LOG: Ageing(payment_debug_log, _log.created_at, sa.true()),
    # What was given up may be tried again while there is a point in it.
    RecordKind.TASKS: Ageing(
        tasks, _tasks.create_time, sa.and_(_tasks.state != TaskState.OPEN, _tasks.expire_time < clock())
    ),
    RecordKind.CALLBACKS: Ageing(payment_deliveries, _delivered.receive_time, sa.true()),
    RecordKind.QUARANTINE: Ageing(quarantine, _kept.create_time, _kept.state != QuarantineState.OPEN),
}


def purge(connection: Connection, kind: RecordKind, before: datetime, after_id: int, asked: int) -> Bite:
    """Delete what is old of the next rows after an id."""
    return bite(connection, _AGEING[kind], before, after_id, asked)
