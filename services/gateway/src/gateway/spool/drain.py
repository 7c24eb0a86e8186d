"""Hands what waits in the spool over to billing, oldest first. Also finds out for the breaker when billing is back.

Nothing may stop it for good: what billing will not record goes into quarantine, and what not even that takes is
laid aside.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from gateway.backoff import Backoff, wait_for
from gateway.billing import Billing, Receipt
from gateway.errors import Broken, CallFailed, Refused, TimedOut, Unavailable
from gateway.parsing import MalformedCallback, Payment, parse_callback
from gateway.recording import QUARANTINE_FULL
from gateway.splitting import carry_all
from gateway.spool.breaker import Breaker
from gateway.spool.journal import Entry
from gateway.spool.spool import Spool

log = structlog.get_logger()

LARGEST_BATCH = 200
# Rounds in which others were recorded and a callback was taken neither as a payment nor into quarantine.
MOST_TRIES = 10


@dataclass(frozen=True)
class DrainPace:
    """Pauses in seconds while billing is away, doubled from the first to the longest; `poll` while nothing waits."""

    first_pause: float = 0.1
    longest_pause: float = 2.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class _Readable:
    entry: Entry
    payment: Payment


class Drain:
    """Works until `stopping` is set, and then stops between two calls.

    `after` is called when payments were recorded, with their number.
    """

    def __init__(
        self,
        spool: Spool,
        billing: Billing,
        breaker: Breaker,
        stopping: asyncio.Event,
        pace: DrainPace,
        after: Callable[[int], None],
    ) -> None:
        self._spool = spool
        self._billing = billing
        self._breaker = breaker
        self._stopping = stopping
        self._pace = pace
        self._after = after
        self._backoff = Backoff(pace.first_pause, pace.longest_pause)
        self._size = LARGEST_BATCH
        self._batch: list[Entry] = []
        self._left: list[Entry] = []  # of the batch: what nobody has taken yet
        self._tries = 0
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
        try:
            await self._spool.heal()
            return await self._round()
        except (Unavailable, TimedOut) as error:
            self._breaker.trip(error.reason)
            # Perhaps it was too much for billing's deadline.
            self._size = max(1, self._size // 2)
            cause = error.reason
        except OSError as error:
            cause = error.strerror or type(error).__name__
        except Exception:
            # A drain that ended would hold the payments without a word.
            log.exception("drain_round_broken")
            return self._backoff.failed()
        pause = self._backoff.failed()
        log.warning("drain_waits", cause=cause, waiting=self._spool.state.waiting, pause=round(pause, 2))
        return pause

    async def _round(self) -> float:
        self._spool.filled.clear()
        if not self._left:
            self._batch = _without_contradictions(await self._spool.peek(LARGEST_BATCH))
            self._left, self._tries = list(self._batch), 0
        if not self._left:
            await self._rest()
            return 0
        stuck = await self._hand_over()
        if stuck and not await self._gave_up(stuck):
            return self._backoff.failed()
        self._backoff.succeeded()
        self._size = min(LARGEST_BATCH, self._size * 2)
        if not self._left:
            applied, self._batch = self._batch, []
            await self._spool.release(applied)
        return 0

    async def _rest(self) -> None:
        # With nothing to hand over, nobody here finds out whether billing is back: the next callback does.
        if self._breaker.open_for > self._pace.longest_pause:
            self._breaker.retry()
        await wait_for(self._spool.filled, self._pace.poll)

    async def _hand_over(self) -> list[Entry]:
        """Hand over some of what is left; those that were taken neither as a payment nor into quarantine."""
        readable, doubtful = _read(self._left[: self._size])
        results = await carry_all(readable, self._record, _blame)
        for one, result in zip(readable, results, strict=True):
            if isinstance(result, CallFailed):
                doubtful.append((one.entry, f"payment: {result.detail or result.reason}"))
        self._note(len(results) - sum(isinstance(result, CallFailed) for result in results))
        self._left[: self._size] = stuck = [entry for entry, _ in doubtful]
        for entry, fault in doubtful:
            if await self._is_kept(entry, fault):
                self._left.remove(entry)
        return [entry for entry in stuck if entry in self._left]

    def _note(self, recorded: int) -> None:
        if recorded:
            self._spool.counters.drained += recorded
            self._breaker.succeeded()
            self._after(recorded)

    async def _record(self, items: Sequence[_Readable]) -> Sequence[Receipt | CallFailed]:
        return await self._billing.record([item.payment for item in items])

    async def _is_kept(self, entry: Entry, fault: str) -> bool:
        callback = replace(entry.callback, fault=fault)
        try:
            callback_id = await self._billing.quarantine(callback)
        except Unavailable as error:
            if error.reason != QUARANTINE_FULL:
                raise
            await self._spool.reject([callback])
            log.error("callback_rejected", trans_id=callback.trans_id, fault=fault, cause=error.reason)  # noqa: TRY400
            return True
        except (Refused, Broken) as error:
            log.error("callback_not_kept", trans_id=callback.trans_id, fault=fault, cause=error.reason)  # noqa: TRY400
            return False
        self._spool.counters.quarantined += 1
        log.warning("callback_quarantined", trans_id=callback.trans_id, fault=fault, callback_id=callback_id)
        return True

    async def _gave_up(self, stuck: Sequence[Entry]) -> bool:
        """Whether these were laid aside, so that the others can go on."""
        # Where nothing at all is recorded, the fault is billing's and not theirs.
        if self._breaker.successes != self._seen_successes:
            self._seen_successes = self._breaker.successes
            self._tries += 1
        if self._tries < MOST_TRIES:
            return False
        await self._spool.reject([entry.callback for entry in stuck])
        for entry in stuck:
            log.error("callback_rejected", trans_id=entry.callback.trans_id, tries=self._tries)
            self._left.remove(entry)
        return True


def _without_contradictions(entries: Sequence[Entry]) -> list[Entry]:
    """The first entries, up to one that contradicts an earlier one: that one must not be tried before it is settled."""
    bodies: dict[str, bytes] = {}
    taken = []
    for entry in entries:
        callback = entry.callback
        if callback.trans_id and bodies.setdefault(callback.trans_id, callback.body) != callback.body:
            break
        taken.append(entry)
    return taken


def _read(entries: Sequence[Entry]) -> tuple[list[_Readable], list[tuple[Entry, str]]]:
    """The payments, and the others with what is wrong with them."""
    readable: list[_Readable] = []
    doubtful: list[tuple[Entry, str]] = []
    for entry in entries:
        callback = entry.callback
        if callback.malformed:
            doubtful.append((entry, callback.fault))
            continue
        try:
            readable.append(_Readable(entry, parse_callback(callback.body, callback.source_address)))
        except MalformedCallback as malformed:
            doubtful.append((entry, malformed.fault))
    return readable, doubtful


def _blame(_item: _Readable, error: Refused | Broken) -> CallFailed:
    return error
