"""Keeps callbacks that could not become payments, until an operator has replayed or dismissed them."""

from collections.abc import Sequence

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.notices import service as digests
from billing.policy import Policy
from billing.quarantine import store
from billing.quarantine.errors import CallbackAlreadyResolved, CallbackNotFound, QuarantineFull
from billing.quarantine.rules import CLOSABLE, NewCallback, QuarantinedCallback, QuarantineState

# What may wait for an operator. A flood of junk must not fill the database; a full quarantine refuses, drops nothing.
MAX_OPEN = 10_000


def keep(engine: Engine, policy: Policy, callbacks: Sequence[NewCallback], *, limited: bool = True) -> list[int]:
    """Keep callbacks and have the admins told; answers their ids. What is kept under its key already is not kept again.

    `limited` False keeps them however many wait: there is money in them for certain. Raises QuarantineFull and keeps
    none.
    """

    def work(connection: Connection) -> list[int]:
        known = store.find_kept(connection, {one.idempotency_key for one in callbacks})
        new: dict[str, NewCallback] = {}
        for one in callbacks:
            if one.idempotency_key not in known:
                new.setdefault(one.idempotency_key, one)
        if limited and new and store.count_open(connection) + len(new) > MAX_OPEN:
            raise QuarantineFull(f"{MAX_OPEN} callbacks wait for an operator already")
        if new:
            now = current_time(connection)
            known |= {key: store.insert(connection, one, now) for key, one in new.items()}
            digests.tell_unreadable(connection, policy, len(new), now)
        return [known[one.idempotency_key] for one in callbacks]

    return transact(engine, work, once=not all(one.idempotency_key for one in callbacks))


def get(engine: Engine, callback_id: int) -> QuarantinedCallback:
    """One callback. Raises CallbackNotFound."""
    return _existing(transact(engine, lambda connection: store.get(connection, callback_id)), callback_id)


def _existing(callback: QuarantinedCallback | None, callback_id: int) -> QuarantinedCallback:
    if callback is None:
        raise CallbackNotFound(f"no quarantined callback {callback_id}")
    return callback


def list_newest(
    engine: Engine, state: QuarantineState | None, before_id: int | None, limit: int
) -> list[QuarantinedCallback]:
    """Callbacks without their bodies, newest first."""
    return transact(engine, lambda connection: store.list_newest(connection, state, before_id, limit))


def resolve(engine: Engine, callback_id: int, trans_id: str, note: str) -> QuarantinedCallback:
    """Close a callback as replayed (with the payment it became) or dismissed; closing it again so changes nothing.

    Raises CallbackNotFound, CallbackAlreadyResolved.
    """
    state = QuarantineState.REPLAYED if trans_id else QuarantineState.DISMISSED

    def work(connection: Connection) -> QuarantinedCallback:
        store.close(connection, callback_id, CLOSABLE[state], state, trans_id, note)
        callback = _existing(store.get(connection, callback_id), callback_id)
        if (callback.state, callback.trans_id) != (state, trans_id):
            raise CallbackAlreadyResolved(f"callback {callback_id} was replayed before, as payment {callback.trans_id}")
        return callback

    return transact(engine, work)
