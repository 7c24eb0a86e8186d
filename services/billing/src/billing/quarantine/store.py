"""Queries on quarantined callbacks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.quarantine.rules import Callback, QuarantineState
from billing.schema import quarantine

_q = quarantine.c


def count_open(connection: Connection) -> int:
    """How many wait for an operator."""
    return connection.execute(sa.select(sa.func.count()).where(_q.state == QuarantineState.OPEN)).scalar_one()


def insert(connection: Connection, callbacks: Sequence[Callback], now: datetime) -> list[int]:
    """Keep callbacks; answers their ids."""
    return [_insert_one(connection, callback, now) for callback in callbacks]


def _insert_one(connection: Connection, callback: Callback, now: datetime) -> int:
    row = {
        "callback_body": callback.callback_body,
        "truncated": callback.truncated,
        "fault": callback.fault[:255],
        "source_address": callback.source_address[:64],
        "state": QuarantineState.OPEN,
        "trans_id": "",
        "note": "",
        "created_at": now,
    }
    key = connection.execute(sa.insert(quarantine).values(row)).inserted_primary_key
    assert key
    return int(key[0])


def get(connection: Connection, callback_id: int) -> Any | None:
    """One callback."""
    return connection.execute(sa.select(quarantine).where(_q.id == callback_id)).one_or_none()


def list_newest(connection: Connection, state: QuarantineState | None, before_id: int | None, limit: int) -> list[Any]:
    """Callbacks without their bodies, newest first, older than `before_id`."""
    columns = [column for column in _q if column is not _q.callback_body]
    query = sa.select(*columns).order_by(_q.id.desc()).limit(limit)
    if state:
        query = query.where(_q.state == state)
    if before_id:
        query = query.where(_q.id < before_id)
    return list(connection.execute(query))


def close(connection: Connection, callback_id: int, state: QuarantineState, trans_id: str, note: str) -> None:
    """Set how a callback ended."""
    connection.execute(
        sa.update(quarantine).where(_q.id == callback_id).values(state=state, trans_id=trans_id, note=note[:255])
    )
