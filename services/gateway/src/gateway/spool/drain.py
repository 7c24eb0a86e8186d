"""Hands what waits in the spool over to billing: payments first, then what is malformed. Also finds out for the breaker
when billing is back.

Nothing may stop it for good, and nobody waits for another's payment: what billing defers is tried again by itself, what
it will not record goes into quarantine, and what not even that takes is rejected.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import DatabaseRefuses, DeadlineExceeded, ResourceExhausted, RowLocked, ServiceError

from gateway.batching import AWAY, carry_all
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.parsing import Payment, parse_callback
from gateway.clients.billing import DEFERRED, Billing, Receipt
from gateway.clients.quarantine import QUARANTINE_FULL, Quarantine
from gateway.spool.breaker import CircuitBreaker
from gateway.spool.errors import DiskFailed
from gateway.spool.rules import CHANGED, Entry
from gateway.spool.service import Spool
from gateway.spool.store import Store
from gateway.waiting import wait_for
from servicekit import backoff

log = structlog.get_logger()

MAX_BATCH = 200
# Of 64 KiB each; a call may hold 4 MiB.
_MAX_MALFORMED_BATCH = 50
# Rounds in which others were recorded and a callback was taken neither as a payment nor into quarantine.
MAX_TRIES = 10


@dataclass(frozen=True)
class DrainPace:
    """In seconds: pauses while billing is away, doubled from the first to the longest; `poll` while nothing waits; how
    long a single payment that could not be recorded is put off, likewise.
    """

    first_pause: float = 0.1
    max_pause: float = 2.0
    poll: float = 1.0
    first_deferral: float = 0.2
    max_deferral: float = 5.0

    def deferral(self, deferrals: int) -> float:
        """For how long a payment is put off the next time."""
        return backoff.pause(deferrals + 1, first=self.first_deferral, longest=self.max_deferral)


@dataclass(frozen=True, slots=True)
class _Readable:
    entry: Entry
    payment: Payment


class Drain:
    """Works until `stopping` is set, and then stops between two calls."""

    def __init__(
        self,
        spool: Spool,
        billing: Billing,
        quarantine: Quarantine,
        breaker: CircuitBreaker,
        stopping: asyncio.Event,
        pace: DrainPace,
    ) -> None:
        self._spool = spool
        self._billing = billing
        self._quarantine = quarantine
        self._breaker = breaker
        self._stopping = stopping
        self._pace = pace
        self._backoff = Backoff(pace.first_pause, pace.max_pause)
        # How many payments go into a call: those that were never put off, and those that were.
        self._sizes = {False: MAX_BATCH, True: MAX_BATCH}
        self._seen_successes = 0

    async def run(self) -> None:
        """Hand over until `stopping` is set."""
        watch = asyncio.create_task(self._wake_to_stop())
        while not self._stopping.is_set():
            pause = await self._round_or_why_not()
            if pause:
                await wait_for(self._stopping, pause)
        await watch

    async def _wake_to_stop(self) -> None:
        await self._stopping.wait()
        self._spool.filled.set()

    async def _round_or_why_not(self) -> float:
        """One round; how long to pause after it, in seconds."""
        successes = self._breaker.successes
        try:
            await self._heal()
            await self._round()
        except RowLocked as error:
            cause = error.reason  # billing is there
        except DeadlineExceeded as error:
            self._breaker.timed_out(error.told, successes)
            cause = error.reason
        except AWAY as error:
            self._breaker.trip(error.told)
            cause = error.reason
        except DiskFailed as error:
            cause = str(error)
        except Exception:
            # A drain that ended would hold the payments without a word.
            log.exception("drain_round_broken")
            return self._backoff.failed()
        else:
            self._backoff.succeeded()
            return 0
        pause = self._backoff.failed()
        log.warning("drain_waits", cause=cause, waiting=self._spool.state.waiting, pause=round(pause, 2))
        return pause

    async def _heal(self) -> None:
        """Find out whether a disk that failed or was full works again; without callbacks nobody else would."""
        if self._spool.can_store:
            return
        failed = self._spool.state.failure
        try:
            await self._spool.on_disk(Store.probe)
        except DiskFailed as error:
            log.warning("spool_still_failing", cause=str(error))
        else:
            if failed:
                log.info("spool_works_again")

    async def _round(self) -> None:
        self._spool.filled.clear()
        now = time.monotonic()
        if payments := await self._spool.on_disk(lambda store: store.due_payments(now, MAX_BATCH)):
            await self._hand_over(payments)
        elif malformed := await self._spool.on_disk(lambda store: store.due_malformed(now, _MAX_MALFORMED_BATCH)):
            await self._hand_over_malformed([(entry, entry.callback.fault) for entry in malformed])
        else:
            await self._rest()

    async def _rest(self) -> None:
        # With nothing to hand over, nobody here finds out whether billing is back: the next callback does.
        if self._breaker.open_for > self._pace.max_pause:
            self._breaker.retry()
        due = await self._spool.on_disk(Store.next_due)
        pause = self._pace.poll if due is None else min(self._pace.poll, max(0.0, due - time.monotonic()))
        await wait_for(self._spool.filled, pause)

    async def _hand_over(self, entries: Sequence[Entry]) -> None:
        deferred = bool(entries[0].deferrals)
        entries = entries[: self._sizes[deferred]]
        readable, doubtful = _read(entries)
        try:
            results = await carry_all(readable, self._record)
        except (DatabaseRefuses, DeadlineExceeded, RowLocked) as error:
            await self._try_fewer(entries, at_once=isinstance(error, RowLocked))
            raise
        self._sizes[deferred] = min(MAX_BATCH, 2 * self._sizes[deferred])
        await self._settle(readable, results)
        for one, result in zip(readable, results, strict=True):
            if isinstance(result, ServiceError):
                doubtful.append((one.entry, f"payment: {str(result) or result.reason}"))
        await self._hand_over_malformed(doubtful)

    async def _try_fewer(self, entries: Sequence[Entry], *, at_once: bool) -> None:
        """Perhaps it is one of them: fewer are tried the next time, and who is left alone lets the others go first.

        Without `at_once` that takes some rounds, for an outage looks the same and should keep them in their order.
        """
        deferred = bool(entries[0].deferrals)
        alone = len(entries) == 1 and (at_once or self._sizes[deferred] == 1)
        if alone and self._spool.state.payments > 1:
            await self._put_off(entries)
        self._sizes[deferred] = max(1, self._sizes[deferred] // 2)

    async def _settle(self, readable: Sequence[_Readable], results: Sequence[Receipt | ServiceError]) -> None:
        """Let go of what was recorded, and put off what was deferred."""
        recorded: list[Entry] = []
        deferred: list[Entry] = []
        for one, result in zip(readable, results, strict=True):
            if isinstance(result, Receipt):
                (deferred if result.outcome == DEFERRED else recorded).append(one.entry)
        if recorded:
            self._breaker.succeeded()
            self._spool.counters.drained += len(recorded)
        elif deferred:
            self._breaker.retry()  # it is there, and answers
        self._spool.counters.deferred += len(deferred)
        await self._forget(recorded)
        await self._put_off(deferred)

    async def _forget(self, applied: Sequence[Entry]) -> None:
        if applied:
            await self._spool.on_disk(lambda store: store.forget(applied))
            self._spool.held.remove(entry.callback for entry in applied)

    async def _put_off(self, entries: Sequence[Entry]) -> None:
        if entries:
            now = time.monotonic()
            put_off = [
                (replace(entry, deferrals=entry.deferrals + 1), now + self._pace.deferral(entry.deferrals))
                for entry in entries
            ]
            await self._spool.on_disk(lambda store: store.postpone(put_off))

    async def _record(self, items: Sequence[_Readable]) -> Sequence[Receipt]:
        return await self._billing.record([item.payment for item in items])

    async def _hand_over_malformed(self, doubtful: Sequence[tuple[Entry, str]]) -> None:
        """Hand over what billing cannot record as a payment; each with what is wrong with it."""
        callbacks = [replace(entry.callback, fault=fault) for entry, fault in doubtful]
        entries = [entry for entry, _ in doubtful]
        try:
            results = await carry_all(callbacks, self._quarantine.keep)
        except ResourceExhausted as error:
            if error.reason != QUARANTINE_FULL:
                raise
            await self._reject(entries, "the quarantine is full")
            return
        kept = [entry for entry, result in zip(entries, results, strict=True) if isinstance(result, int)]
        stuck = [entry for entry, result in zip(entries, results, strict=True) if not isinstance(result, int)]
        if kept:
            self._breaker.succeeded()
            self._spool.counters.quarantined += len(kept)
            log.warning("callbacks_quarantined", callbacks=len(kept), trans_ids=_named(kept))
        await self._forget(kept)
        await self._try_later(stuck)

    async def _try_later(self, stuck: Sequence[Entry]) -> None:
        """Nobody takes these; give up on them when others were recorded often enough meanwhile."""
        if not stuck:
            return
        log.error("callbacks_not_kept", callbacks=len(stuck), trans_ids=_named(stuck))
        # Where nothing at all is recorded, the fault is billing's and not theirs.
        counts = self._breaker.successes != self._seen_successes
        self._seen_successes = self._breaker.successes
        tried = [replace(entry, tries=entry.tries + counts) for entry in stuck]
        await self._reject([entry for entry in tried if entry.tries >= MAX_TRIES], "billing takes it in no form")
        await self._put_off([entry for entry in tried if entry.tries < MAX_TRIES])

    async def _reject(self, entries: Sequence[Entry], why: str) -> None:
        """Hand these over no more until the next start; an operator sees them."""
        if entries:
            await self._spool.on_disk(lambda store: store.reject(entries, why))
            self._spool.held.remove(entry.callback for entry in entries)
            self._spool.counters.rejected += len(entries)
            log.error("callbacks_rejected", callbacks=len(entries), trans_ids=_named(entries), cause=why)


def _named(entries: Sequence[Entry]) -> list[str]:
    return [entry.callback.trans_id for entry in entries if entry.callback.trans_id][:20]


def _read(entries: Sequence[Entry]) -> tuple[list[_Readable], list[tuple[Entry, str]]]:
    """The payments, and the others with what is wrong with them."""
    readable: list[_Readable] = []
    doubtful: list[tuple[Entry, str]] = []
    for entry in entries:
        callback = entry.callback
        if not entry.intact:
            doubtful.append((entry, CHANGED))
            continue
        try:
            payment = parse_callback(callback.body, callback.source_address, callback.receive_time)
            readable.append(_Readable(entry, payment))
        except MalformedCallback as malformed:
            doubtful.append((entry, malformed.fault))
    return readable, doubtful
