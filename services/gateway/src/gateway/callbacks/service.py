"""The promise: a payment is recorded by billing, or held on our disk, or its sender is told to send it again.

Callbacks of one TransID keep their order, whoever hands them in: while one waits in the spool, later ones go there too.
"""

import asyncio
from contextlib import suppress
from weakref import WeakValueDictionary

from servicekit.rpc.errors import ServiceError, Unavailable

from gateway.batching import Batcher
from gateway.callbacks.holding import Holding
from gateway.callbacks.parsing import Payment
from gateway.clients.billing import DEFERRED, Billing, Receipt
from gateway.clients.quarantine import Quarantine
from gateway.spool.breaker import CircuitBreaker
from gateway.spool.errors import NotSpooled
from gateway.spool.service import Spool


class CallbackService:
    """Made once a process, inside its event loop. `deadline`: how long a callback may wait for billing;
    `first_deferral`: how long a payment that billing defers is put off. Both in seconds.
    """

    def __init__(
        self,
        billing: Billing,
        quarantine: Quarantine,
        spool: Spool,
        *,
        deadline: float,
        first_deferral: float,
    ) -> None:
        self.spool = spool
        self._recorder = Batcher(billing.record, deadline=deadline)
        # Who stands in the queue then need not wait to find out as well.
        self.breaker = CircuitBreaker(
            on_trip=lambda cause: self._recorder.give_back(Unavailable(reason=cause, service="billing"))
        )
        if spool.state.waiting:
            self.breaker.trip("SPOOL_NOT_EMPTY")  # as it was when we stopped; the drain finds out
        self.holding = Holding(quarantine, spool, self.breaker, first_deferral)
        self._locks = KeyedLocks()

    @property
    def can_take(self) -> bool:
        """Whether the next payment will probably be stored somewhere."""
        return not self.breaker.is_open or self.spool.can_store

    async def close(self) -> None:
        """Wait until every payment taken in is answered, and let the spool go."""
        await self._recorder.drain()
        await self.spool.close()

    async def record(self, payment: Payment, *, quarantined: bool = False) -> Receipt:
        """What became of a payment that is now stored for good; outcome "spooled" when billing does not have it yet.

        `quarantined`: its callback is in quarantine already, and is not put there again. Raises InvalidArgument when
        billing will never take it, NotSpooled when nobody could store it, ServiceError when billing breaks on it.
        """
        async with self._locks.of(payment.trans_id):
            if payment.trans_id in self.spool.held:
                return await self.holding.spool(payment)
            if self.breaker.is_open:
                with suppress(NotSpooled):
                    return await self.holding.spool(payment)
            return await self._ask(payment, quarantined=quarantined)

    async def _ask(self, payment: Payment, *, quarantined: bool) -> Receipt:
        successes = self.breaker.successes
        try:
            receipt = await self._recorder.submit(payment)
        except (ServiceError, TimeoutError) as error:
            return await self.holding.failed(payment, error, successes, quarantined=quarantined)
        if receipt.outcome == DEFERRED:
            return await self.holding.put_off(payment)
        self.breaker.succeeded()
        return receipt


class KeyedLocks:
    """A fair lock for each key, which is forgotten when nobody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """The key's lock."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock
