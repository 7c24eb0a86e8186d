"""Queries on the predecessor's payment_debug_log: one row a step."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.models import payment_debug_log
from billing.steps import Step


def insert(writes: Writes, steps: Collection[Step], now: datetime) -> None:
    """Append steps in their order; those that name no time of their own happen now."""
    writes.insert(payment_debug_log, [_row(step, now) for step in steps])


def _row(step: Step, now: datetime) -> dict[str, Any]:
    return {
        "transaction_id": step.trans_id,
        "category": step.category,
        "message": step.message,
        "details": orjson.dumps(step.details).decode(),
        "created_at": step.at or now,
    }


def unwritten(connection: Connection, steps: Collection[Step]) -> list[Step]:
    """Those of these steps that the log does not hold yet, in the same words."""
    columns = payment_debug_log.c
    query = sa.select(columns.transaction_id, columns.category, columns.message).where(
        columns.transaction_id.in_({step.trans_id for step in steps}),
        columns.category.in_({step.category for step in steps}),
    )
    written = {tuple(row) for row in connection.execute(query)} if steps else set()
    return [step for step in steps if (step.trans_id, step.category, step.message) not in written]


def list_steps(connection: Connection, trans_id: str) -> list[Any]:
    """A payment's steps in order; `details` is JSON text."""
    columns = payment_debug_log.c
    query = sa.select(payment_debug_log).where(columns.transaction_id == trans_id).order_by(columns.id)
    return list(connection.execute(query))
