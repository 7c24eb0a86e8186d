"""Queries on the tasks of announcements."""

from collections.abc import Mapping
from datetime import datetime

from servicekit.writes import together
from sqlalchemy import Connection

from billing.schema import tasks


def delay(connection: Connection, due_times: Mapping[int, datetime]) -> None:
    """Let tasks be due later, by their ids."""
    with together(connection) as writes:
        writes.update(tasks.c.due_time, tasks.c.id, due_times)
