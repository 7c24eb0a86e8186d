"""Keeps callbacks that could not become payments, until an operator has replayed or dismissed them."""

from collections.abc import Sequence
from typing import Any

from servicekit.database import current_time, transact
from sqlalchemy import Connection, Engine

from billing.notices import service as digests
from billing.policy import Policy
from billing.quarantine import store
from billing.quarantine.errors import CallbackNotFound, QuarantineFull
from billing.quarantine.rules import Callback, QuarantineState

# What may wait for an operator. A flood of junk must not fill the database; a full quarantine refuses, drops nothing.
MAX_OPEN = 10_000


def keep(engine: Engine, policy: Policy, callbacks: Sequence[Callback]) -> list[int]:
    """Keep callbacks and have the admins told; answers their ids. Raises QuarantineFull and keeps none."""

    def work(connection: Connection) -> list[int]:
        if store.count_open(connection) + len(callbacks) > MAX_OPEN:
            raise QuarantineFull(f"{MAX_OPEN} callbacks wait for an operator already")
        now = current_time(connection)
        kept = store.insert(connection, callbacks, now)
        digests.tell_unreadable(connection, policy, len(kept), now)
        return kept

    return transact(engine, work)


def get(engine: Engine, callback_id: int) -> Any:
    """One callback's row. Raises CallbackNotFound."""
    row = transact(engine, lambda connection: store.get(connection, callback_id))
    if row is None:
        raise CallbackNotFound(f"no quarantined callback {callback_id}")
    return row


def list_newest(engine: Engine, state: QuarantineState | None, before_id: int | None, limit: int) -> list[Any]:
    """Rows of callbacks, newest first."""
    return transact(engine, lambda connection: store.list_newest(connection, state, before_id, limit))


def count_open(engine: Engine) -> int:
    """How many callbacks wait for an operator."""
    return transact(engine, store.count_open)


def resolve(engine: Engine, callback_id: int, trans_id: str, note: str) -> Any:
    """Close a callback as replayed (with the payment it became) or dismissed. Raises CallbackNotFound."""
    state = QuarantineState.REPLAYED if trans_id else QuarantineState.DISMISSED

    def work(connection: Connection) -> Any:
        store.close(connection, callback_id, state, trans_id, note)
        return store.get(connection, callback_id)

    row = transact(engine, work)
    if row is None:
        raise CallbackNotFound(f"no quarantined callback {callback_id}")
    return row
