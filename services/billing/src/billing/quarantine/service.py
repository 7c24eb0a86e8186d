"""Keeps callbacks that could not become payments, until an operator has replayed or dismissed them."""

from collections.abc import Sequence

from servicekit.database import current_time, transact
from sqlalchemy import Connection, Engine

from billing.notices import service as digests
from billing.policy import Policy
from billing.quarantine import store
from billing.quarantine.errors import CallbackAlreadyResolved, CallbackNotFound, QuarantineFull
from billing.quarantine.rules import CLOSABLE, NewCallback, QuarantinedCallback, QuarantineState

# What may wait for an operator. A flood of junk must not fill the database; a full quarantine refuses, drops nothing.
MAX_OPEN = 10_000


def keep(engine: Engine, policy: Policy, callbacks: Sequence[NewCallback]) -> list[int]:
    """Keep callbacks and have the admins told; answers their ids. Raises QuarantineFull and keeps none."""

    def work(connection: Connection) -> list[int]:
        known = store.find_kept(connection, {one.idempotency_key for one in callbacks if one.idempotency_key})
        new = [one for one in callbacks if one.idempotency_key not in known]
        if new and store.count_open(connection) + len(new) > MAX_OPEN:
            raise QuarantineFull(f"{MAX_OPEN} callbacks wait for an operator already")
        return _keep(connection, policy, callbacks, known)

    return transact(engine, work, once=not all(one.idempotency_key for one in callbacks))


def keep_in_spite_of_limit(engine: Engine, policy: Policy, callback: NewCallback) -> int:
    """The same for a callback in which there is money for certain, however many wait; answers its id."""

    def work(connection: Connection) -> int:
        known = store.find_kept(connection, {callback.idempotency_key})
        return _keep(connection, policy, [callback], known)[0]

    return transact(engine, work)


def _keep(connection: Connection, policy: Policy, callbacks: Sequence[NewCallback], known: dict[str, int]) -> list[int]:
    """Keep those that are not `known` by their key, and have the admins told of these; the ids of all."""
    now, kept, new = current_time(connection), [], 0
    for callback in callbacks:
        callback_id = known.get(callback.idempotency_key)
        if callback_id is None:
            new += 1
            callback_id = store.insert(connection, callback, now)
            if callback.idempotency_key:
                known[callback.idempotency_key] = callback_id
        kept.append(callback_id)
    if new:
        digests.tell_unreadable(connection, policy, new, now)
    return kept


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
