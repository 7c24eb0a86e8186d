"""Queries on quarantined callbacks."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.quarantine.rules import NewCallback, QuarantinedCallback, QuarantineState
from billing.schema import quarantine

_q = quarantine.c
_WITHOUT_BODY = [sa.literal(b"").label("callback_body"), *(column for column in _q if column is not _q.callback_body)]


def count_open(connection: Connection) -> int:
    """How many wait for an operator."""
    return connection.execute(sa.select(sa.func.count()).where(_q.state == QuarantineState.OPEN)).scalar_one()


def oldest_open_time(connection: Connection) -> datetime | None:
    """When the oldest of them was kept."""
    query = sa.select(_q.create_time).where(_q.state == QuarantineState.OPEN).order_by(_q.id).limit(1)
    return connection.execute(query).scalar_one_or_none()


def find_kept(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    """The ids of what is kept under these idempotency keys, by key."""
    query = sa.select(_q.idempotency_key, _q.id).where(_q.idempotency_key.in_(keys))
    return {row.idempotency_key: row.id for row in connection.execute(query)}


def insert(connection: Connection, callback: NewCallback, now: datetime) -> int:
    """Keep a callback; answers its id. A doubled idempotency key raises IntegrityError."""
    row = {
        "callback_body": callback.callback_body,
        "truncated": callback.truncated,
        "fault": callback.fault[:255],
        "source_address": callback.source_address[:64],
        "state": QuarantineState.OPEN,
        "trans_id": "",
        "note": "",
        "create_time": now,
        "idempotency_key": callback.idempotency_key,
    }
    key = connection.execute(sa.insert(quarantine).values(row)).inserted_primary_key
    assert key
    return int(key[0])


def get(connection: Connection, callback_id: int) -> QuarantinedCallback | None:
    """One callback."""
    row = connection.execute(sa.select(quarantine).where(_q.id == callback_id)).one_or_none()
    return _callback(row) if row else None


def list_newest(
    connection: Connection, state: QuarantineState | None, before_id: int | None, limit: int
) -> list[QuarantinedCallback]:
    """Callbacks without their bodies, newest first, older than `before_id`."""
    query = sa.select(*_WITHOUT_BODY).order_by(_q.id.desc()).limit(limit)
    if state:
        query = query.where(_q.state == state)
    if before_id:
        query = query.where(_q.id < before_id)
    return [_callback(row) for row in connection.execute(query)]


def _callback(row: Any) -> QuarantinedCallback:
    return QuarantinedCallback(
        callback_id=row.id,
        callback_body=row.callback_body,
        truncated=row.truncated,
        fault=row.fault,
        source_address=row.source_address,
        create_time=row.create_time,
        state=QuarantineState(row.state),
        trans_id=row.trans_id,
        note=row.note,
    )


def close(
    connection: Connection,
    callback_id: int,
    from_states: Collection[QuarantineState],
    state: QuarantineState,
    trans_id: str,
    note: str,
) -> None:
    """Set how a callback ended, if it is in one of these states."""
    closable = sa.update(quarantine).where(_q.id == callback_id, _q.state.in_(from_states))
    connection.execute(closable.values(state=state, trans_id=trans_id, note=note[:255]))
