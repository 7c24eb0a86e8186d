"""Reads payments back: one with everything that happened to it, or pages of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from servicekit.database import transact
from sqlalchemy import Connection, Engine

from billing.assignment import PaymentNotFound
from billing.payments import Outcome
from billing.store import debug_log, payments, tasks


@dataclass(frozen=True, slots=True)
class Timeline:
    """A payment's row, and the rows of its steps, tasks and deliveries, each in order."""

    payment: Any
    steps: Sequence[Any]
    tasks: Sequence[Any]
    deliveries: Sequence[Any]


def get(engine: Engine, trans_id: str) -> Timeline:
    """A payment's whole story. Raises PaymentNotFound."""

    def work(connection: Connection) -> Timeline:
        row = payments.get(connection, trans_id)
        if row is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        return Timeline(
            row,
            debug_log.list_steps(connection, trans_id),
            tasks.list_of_payment(connection, trans_id),
            payments.list_deliveries(connection, trans_id),
        )

    return transact(engine, work)


def count_unmatched(engine: Engine) -> int:
    """How many payments are held."""
    return transact(engine, payments.count_unmatched)


def list_newest(engine: Engine, outcome: Outcome | None, before_id: int | None, limit: int) -> list[Any]:
    """Rows of payments, newest first."""
    return transact(engine, lambda connection: payments.list_newest(connection, outcome, before_id, limit))
