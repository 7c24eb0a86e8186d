"""The promise: a payment is recorded by billing, or held on our disk, or its sender is told to send it again.

Callbacks of one TransID keep their order: while one waits in the spool, later ones go there too.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from gateway.batching import Batcher
from gateway.callbacks.ordering import Turns
from gateway.callbacks.parsing import Payment
from gateway.clients.billing import DEFERRED, Billing, Receipt
from gateway.errors import CallFailed, Locked, NotSpooled, Refused, TimedOut, Unavailable
from gateway.spool.breaker import Breaker
from gateway.spool.callback import Callback
from gateway.spool.spool import Spool

log = structlog.get_logger()

# The quarantine has no room; billing itself is well.
QUARANTINE_FULL = "QUARANTINE_FULL"


@dataclass(frozen=True)
class Recording:
    """Made once a process."""

    billing: Billing
    recorder: Batcher[Payment, Receipt]
    spool: Spool
    breaker: Breaker
    turns: Turns
    # How long a payment that billing defers is put off, in seconds.
    first_deferral: float

    async def record(self, payment: Payment) -> Receipt:
        """What became of a payment that is now stored for good; outcome "spooled" when billing does not have it yet.

        Raises Refused when billing will never take it, NotSpooled when nobody could store it.
        """
        async with self.turns.of(payment.trans_id):
            if self.spool.holds(payment.trans_id):
                return await self._spool(payment)
            if self.breaker.is_open:
                with suppress(NotSpooled):
                    return await self._spool(payment)
            return await self._ask(payment)

    async def keep(self, callback: Callback) -> int | None:
        """Keep a malformed callback: its id in quarantine, None when it waits in the spool. Raises NotSpooled."""
        if self.breaker.is_open:
            with suppress(NotSpooled):
                await self.spool.put(callback)
                return None
        successes = self.breaker.successes
        try:
            return await self.billing.quarantine(callback)
        except CallFailed as error:
            self._note(error, successes)
            await self.spool.put(callback)
            return None

    async def _ask(self, payment: Payment) -> Receipt:
        successes = self.breaker.successes
        try:
            receipt = await self.recorder.submit(payment)
        except Refused:
            raise
        except Locked:
            return await self._put_off(payment)
        except (Unavailable, TimedOut, TimeoutError) as error:
            # Done or not, handing it over once more is safe.
            self._note(error, successes)
            return await self._spool(payment)
        except CallFailed as error:
            return await self._set_aside(payment, error, successes)
        if receipt.outcome == DEFERRED:
            return await self._put_off(payment)
        self.breaker.succeeded()
        return receipt

    def _note(self, error: CallFailed | TimeoutError, successes: int) -> None:
        """Tell the breaker of a failure; `successes` as they were counted before the call."""
        if isinstance(error, TimeoutError):
            self.breaker.timed_out("TIMED_OUT", successes)
        elif isinstance(error, TimedOut) and not isinstance(error, Locked):
            self.breaker.timed_out(error.told, successes)
        elif isinstance(error, Unavailable) and _is_away(error):
            self.breaker.trip(error.told)

    async def _set_aside(self, payment: Payment, error: CallFailed, successes: int) -> Receipt:
        """Billing breaks on this payment: a person must look at it, but its money is not lost."""
        fault = f"payment: billing could not record it ({error.reason})"
        log.error("payment_set_aside", trans_id=payment.trans_id, cause=error.reason)
        try:
            await self.billing.quarantine(_callback(payment, fault))
        except CallFailed as failed:
            self._note(failed, successes)
            return await self._spool(payment)
        return _held(payment, "quarantined")

    async def _put_off(self, payment: Payment) -> Receipt:
        """Leave it to the drain, which tries it again by itself; the others do not wait for it."""
        return await self._spool(payment, due=time.monotonic() + self.first_deferral)

    async def _spool(self, payment: Payment, due: float = 0.0) -> Receipt:
        await self.spool.put(_callback(payment), due)
        log.debug("payment_spooled", trans_id=payment.trans_id)
        return _held(payment, "spooled")


def _is_away(error: CallFailed) -> bool:
    """Whether it is billing that is away, and not merely our queue or its quarantine that is full."""
    return error.service == "billing" and error.reason != QUARANTINE_FULL


def _callback(payment: Payment, fault: str = "") -> Callback:
    received = payment.received or datetime.now(UTC)
    return Callback(payment.callback_body, payment.source_address, received, payment.trans_id, fault)


def _held(payment: Payment, outcome: str) -> Receipt:
    return Receipt(payment.trans_id, outcome, reason="", repeated=False, isp_id=0, customer_id=0)
