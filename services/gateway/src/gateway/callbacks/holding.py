"""What becomes of a callback that billing does not record: it waits in the spool, or for a person in quarantine."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from servicekit.rpc.errors import DeadlineExceeded, InvalidArgument, RowLocked, ServiceError

from gateway.batching import AWAY
from gateway.callbacks.parsing import Payment
from gateway.callbacks.raw import RawCallback
from gateway.clients.billing import Receipt
from gateway.clients.quarantine import QUARANTINE_FULL, Quarantine
from gateway.spool.breaker import CircuitBreaker
from gateway.spool.errors import NotSpooled
from gateway.spool.service import Spool

log = structlog.get_logger()


class Holding:
    """`first_deferral`: how long a payment that billing defers is put off, in seconds. All methods raise NotSpooled."""

    def __init__(self, quarantine: Quarantine, spool: Spool, breaker: CircuitBreaker, first_deferral: float) -> None:
        self._quarantine = quarantine
        self._spool = spool
        self._breaker = breaker
        self._first_deferral = first_deferral

    async def spool(self, payment: Payment, due: float = 0.0) -> Receipt:
        """Store a payment for the drain, which hands it over when billing is back, or at `due`."""
        await self._spool.put(_callback(payment), due)
        log.debug("payment_spooled", trans_id=payment.trans_id)
        return _held(payment, "spooled")

    async def put_off(self, payment: Payment) -> Receipt:
        """Leave it to the drain, which tries it again by itself; the others do not wait for it."""
        return await self.spool(payment, due=time.monotonic() + self._first_deferral)

    async def failed(
        self, payment: Payment, error: ServiceError | TimeoutError, successes: int, *, quarantined: bool
    ) -> Receipt:
        """Hold a payment that billing did not record; `successes` as they were counted before it was asked.

        Raises `error` where billing will never take it, or breaks on a payment that is `quarantined` already.
        """
        if isinstance(error, RowLocked):
            return await self.put_off(payment)
        if isinstance(error, (*AWAY, TimeoutError)):
            # Done or not, handing it over once more is safe.
            self._note(error, successes)
            return await self.spool(payment)
        if quarantined or isinstance(error, InvalidArgument):
            raise error
        return await self._quarantine_payment(payment, error, successes)

    async def keep(self, callback: RawCallback) -> int | None:
        """Keep a malformed callback: its id in quarantine, None when it waits in the spool."""
        if self._breaker.is_open:
            with suppress(NotSpooled):
                await self._spool.put(callback)
                return None
        successes = self._breaker.successes
        try:
            return (await self._quarantine.keep([callback]))[0]
        except ServiceError as error:
            self._note(error, successes)
            await self._spool.put(callback)
            return None

    async def _quarantine_payment(self, payment: Payment, error: ServiceError, successes: int) -> Receipt:
        """Billing breaks on this payment: a person must look at it, but its money is not lost."""
        fault = f"payment: billing could not record it ({error.reason})"
        log.error("payment_quarantined", trans_id=payment.trans_id, cause=error.reason)
        try:
            await self._quarantine.keep([_callback(payment, fault)])
        except ServiceError as failed:
            self._note(failed, successes)
            return await self.spool(payment)
        return _held(payment, "quarantined")

    def _note(self, error: ServiceError | TimeoutError, successes: int) -> None:
        """Tell the breaker of a failure."""
        if isinstance(error, TimeoutError):
            self._breaker.timed_out("TIMED_OUT", successes)
        elif isinstance(error, DeadlineExceeded):
            self._breaker.timed_out(error.told, successes)
        elif isinstance(error, AWAY) and _is_billing_away(error):
            self._breaker.trip(error.told)


def _is_billing_away(error: ServiceError) -> bool:
    """Whether it is billing that is away, and not merely our queue or its quarantine that is full, or a row locked."""
    return error.service == "billing" and error.reason != QUARANTINE_FULL and not isinstance(error, RowLocked)


def _callback(payment: Payment, fault: str = "") -> RawCallback:
    receive_time = payment.receive_time or datetime.now(UTC)
    return RawCallback(payment.callback_body, payment.source_address, receive_time, payment.trans_id, fault)


def _held(payment: Payment, outcome: str) -> Receipt:
    return Receipt(payment.trans_id, outcome, reason="", repeated=False, isp_id=0, customer_id=0)
