"""The promise: a payment is recorded by billing, or held on our disk, or its sender is told to send it again.

Callbacks of one TransID keep their order, whoever hands them in: while one waits in the spool, later ones go there too.
"""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog
from servicekit.rpc.errors import DeadlineExceeded, InvalidArgument, RowLocked, ServiceError, Unavailable

from gateway.batching import AWAY, Batcher
from gateway.callbacks.parsing import Payment, RawCallback
from gateway.clients.billing import DEFERRED, QUARANTINE_FULL, Billing, Receipt, ValidationVerdict
from gateway.spool.errors import NotSpooled
from gateway.spool.service import CircuitBreaker, Spool

log = structlog.get_logger()


class CallbackService:
    """Made once a process, inside its event loop. `deadline`, `validation_deadline`: how long a callback may wait for
    billing; `first_deferral`: how long a payment that billing defers is put off. All in seconds.
    """

    def __init__(
        self, billing: Billing, spool: Spool, *, deadline: float, validation_deadline: float, first_deferral: float
    ) -> None:
        self.billing = billing
        self.spool = spool
        self._recorder = Batcher(billing.record, deadline=deadline)
        self._validator = Batcher(billing.validate, deadline=validation_deadline)
        # Who stands in the queue then need not wait to find out as well.
        self.breaker = CircuitBreaker(
            on_trip=lambda cause: self._recorder.give_back(Unavailable(reason=cause, service="billing"))
        )
        if spool.state.waiting:
            self.breaker.trip("SPOOL_NOT_EMPTY")  # as it was when we stopped; the drain finds out
        self._locks = KeyedLocks()
        self._first_deferral = first_deferral

    @property
    def can_take(self) -> bool:
        """Whether the next payment will probably be stored somewhere."""
        return not self.breaker.is_open or self.spool.can_store

    async def close(self) -> None:
        """Wait until every payment taken in is answered, and let the spool go."""
        await self._recorder.drain()
        await self._validator.drain()
        await self.spool.close()

    async def record(self, payment: Payment, *, quarantined: bool = False) -> Receipt:
        """What became of a payment that is now stored for good; outcome "spooled" when billing does not have it yet.

        `quarantined`: its callback is in quarantine already, and is not put there again when billing breaks on it.
        Raises InvalidArgument when billing will never take it, NotSpooled when nobody could store it, and ServiceError
        when billing breaks on what is quarantined.
        """
        async with self._locks.of(payment.trans_id):
            if self.spool.holds(payment.trans_id):
                return await self._spool(payment)
            if self.breaker.is_open:
                with suppress(NotSpooled):
                    return await self._spool(payment)
            return await self._ask(payment, quarantined=quarantined)

    async def validate(self, payment: Payment) -> ValidationVerdict:
        """What would become of a payment. Raises ServiceError, TimeoutError."""
        return await self._validator.submit(payment)

    async def keep(self, callback: RawCallback) -> int | None:
        """Keep a malformed callback: its id in quarantine, None when it waits in the spool. Raises NotSpooled."""
        if self.breaker.is_open:
            with suppress(NotSpooled):
                await self.spool.put(callback)
                return None
        successes = self.breaker.successes
        try:
            return await self.billing.quarantine(callback)
        except ServiceError as error:
            self._note(error, successes)
            await self.spool.put(callback)
            return None

    async def _ask(self, payment: Payment, *, quarantined: bool) -> Receipt:
        successes = self.breaker.successes
        try:
            receipt = await self._recorder.submit(payment)
        except InvalidArgument:
            raise
        except RowLocked:
            return await self._put_off(payment)
        except (*AWAY, TimeoutError) as error:
            # Done or not, handing it over once more is safe.
            self._note(error, successes)
            return await self._spool(payment)
        except ServiceError as error:
            if quarantined:
                raise
            return await self._quarantine(payment, error, successes)
        if receipt.outcome == DEFERRED:
            return await self._put_off(payment)
        self.breaker.succeeded()
        return receipt

    def _note(self, error: ServiceError | TimeoutError, successes: int) -> None:
        """Tell the breaker of a failure; `successes` as they were counted before the call."""
        if isinstance(error, TimeoutError):
            self.breaker.timed_out("TIMED_OUT", successes)
        elif isinstance(error, DeadlineExceeded):
            self.breaker.timed_out(error.told, successes)
        elif isinstance(error, AWAY) and _is_billing_away(error):
            self.breaker.trip(error.told)

    async def _quarantine(self, payment: Payment, error: ServiceError, successes: int) -> Receipt:
        """Billing breaks on this payment: a person must look at it, but its money is not lost."""
        fault = f"payment: billing could not record it ({error.reason})"
        log.error("payment_quarantined", trans_id=payment.trans_id, cause=error.reason)
        try:
            await self.billing.quarantine(_callback(payment, fault))
        except ServiceError as failed:
            self._note(failed, successes)
            return await self._spool(payment)
        return _held(payment, "quarantined")

    async def _put_off(self, payment: Payment) -> Receipt:
        """Leave it to the drain, which tries it again by itself; the others do not wait for it."""
        return await self._spool(payment, due=time.monotonic() + self._first_deferral)

    async def _spool(self, payment: Payment, due: float = 0.0) -> Receipt:
        await self.spool.put(_callback(payment), due)
        log.debug("payment_spooled", trans_id=payment.trans_id)
        return _held(payment, "spooled")


def _is_billing_away(error: ServiceError) -> bool:
    """Whether it is billing that is away, and not merely our queue or its quarantine that is full, or a row locked."""
    return error.service == "billing" and error.reason != QUARANTINE_FULL and not isinstance(error, RowLocked)


def _callback(payment: Payment, fault: str = "") -> RawCallback:
    receive_time = payment.receive_time or datetime.now(UTC)
    return RawCallback(payment.callback_body, payment.source_address, receive_time, payment.trans_id, fault)


def _held(payment: Payment, outcome: str) -> Receipt:
    return Receipt(payment.trans_id, outcome, reason="", repeated=False, isp_id=0, customer_id=0)


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
