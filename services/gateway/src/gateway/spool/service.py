"""The spool as the event loop sees it: many callbacks in one disk write, and which TransIDs wait; and when to use it.

One thread does all that touches the disk, so that the store needs no locks and the loop never waits for it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.batching import Batcher
from gateway.callbacks.parsing import RawCallback
from gateway.spool.errors import DiskFailed, NotSpooled
from gateway.spool.rules import Entry, SpoolState
from gateway.spool.store import Store

Result = TypeVar("Result")

log = structlog.get_logger()

# What a hung disk may cost a callback, in seconds; then it is answered 503.
_WRITE_SECONDS = 10.0


@dataclass
class Counters:
    """What happened since the process started."""

    spooled: int = 0
    refused: int = 0
    drained: int = 0
    deferred: int = 0
    quarantined: int = 0
    rejected: int = 0
    write_failures: int = 0


class Spool:
    """RawCallbacks that wait for billing. Made inside the event loop; owns the store from then on."""

    def __init__(self, store: Store) -> None:
        self.filled = asyncio.Event()
        self.counters = Counters()
        self._store = store
        self._held = Counter(store.trans_ids())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._writer: Batcher[tuple[RawCallback, float], bool] = Batcher(self._write, deadline=_WRITE_SECONDS)

    @property
    def state(self) -> SpoolState:
        """How it stands; never waits for the disk."""
        return self._store.state

    @property
    def can_store(self) -> bool:
        """Whether the next callback will probably be stored."""
        return self.state.failure is None and not self.state.full

    def holds(self, trans_id: str) -> bool:
        """Whether a callback of this payment waits here, so that no later one may overtake it."""
        return trans_id in self._held

    async def put(self, callback: RawCallback, due: float = 0.0) -> None:
        """Store a callback; it is on the disk when this returns. `due`: when to hand it over, if not at once.

        Raises NotSpooled: it may or may not be stored.
        """
        try:
            if not await self._writer.submit((callback, due)):
                raise NotSpooled(reason="SPOOL_FULL")
        except (ServiceError, TimeoutError) as error:
            self.counters.refused += 1
            if isinstance(error, NotSpooled):
                raise
            raise NotSpooled(reason=getattr(error, "reason", "DISK_TOO_SLOW")) from None

    async def due_payments(self, now: float, limit: int) -> list[Entry]:
        """Payments to be handed over together. Raises DiskFailed."""
        return await self._run(lambda: self._store.due_payments(now, limit))

    async def due_malformed(self, now: float, limit: int) -> list[Entry]:
        """Malformed callbacks to be handed over. Raises DiskFailed."""
        return await self._run(lambda: self._store.due_malformed(now, limit))

    async def next_due(self) -> float | None:
        """When the next one is due; None when nothing waits. Raises DiskFailed."""
        return await self._run(self._store.next_due)

    async def heads(self, limit: int) -> list[Entry]:
        """The oldest callbacks. Raises DiskFailed."""
        return await self._run(lambda: self._store.heads(limit))

    async def forget(self, applied: Sequence[Entry]) -> None:
        """These were applied. Raises DiskFailed."""
        if applied:
            await self._run(lambda: self._store.forget(applied))
            self._let_go(entry.callback for entry in applied)

    async def postpone(self, entries: Sequence[Entry], due: Sequence[float]) -> None:
        """Hand these over again when they are due. Raises DiskFailed."""
        if entries:
            await self._run(lambda: self._store.postpone(list(zip(entries, due, strict=True))))

    async def reject(self, entries: Sequence[Entry], note: str) -> None:
        """Hand these over no more until the next start; an operator sees them. Raises DiskFailed."""
        if entries:
            await self._run(lambda: self._store.reject(entries, note))
            self._let_go(entry.callback for entry in entries)
            self.counters.rejected += len(entries)

    async def heal(self) -> None:
        """Find out whether a disk that failed or was full works again; without callbacks nobody else would."""
        if self.can_store:
            return
        failed = self.state.failure
        try:
            await self._run(self._store.probe)
        except DiskFailed as error:
            log.warning("spool_still_failing", cause=str(error))
        else:
            if failed:
                log.info("spool_works_again")

    async def close(self) -> None:
        """Finish what is being written and let the directory go."""
        await self._writer.drain()
        await self._run(self._store.close)
        self._thread.shutdown()

    async def _write(self, arrivals: Sequence[tuple[RawCallback, float]]) -> list[bool]:
        """Store callbacks in one transaction; whether each had room."""
        callbacks = [callback for callback, _ in arrivals]
        self._held.update(_trans_ids(callbacks))
        stored = [False] * len(arrivals)
        try:
            stored = await self._run(lambda: self._store.insert(arrivals))
        except DiskFailed as error:
            self.counters.write_failures += 1
            log.error("spool_write_failed", cause=str(error), size=len(arrivals))  # noqa: TRY400
            raise NotSpooled(str(error), reason="DISK_FAILED") from None
        finally:
            self._let_go(callback for callback, kept in zip(callbacks, stored, strict=True) if not kept)
        self.counters.spooled += sum(stored)
        self.filled.set()
        return stored

    def _let_go(self, callbacks: Iterable[RawCallback]) -> None:
        for trans_id in _trans_ids(callbacks):
            self._held[trans_id] -= 1
            if not self._held[trans_id]:
                del self._held[trans_id]

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class CircuitBreaker:
    """Remembers that billing is away, so that not every callback has to wait to find it out.

    `on_trip` is called each time that it opens; `cause` says why it did, "" while it is closed. `successes` counts what
    billing has stored since the process started.
    """

    def __init__(self, on_trip: Callable[[str], None]) -> None:
        self.successes = 0
        self.cause = ""
        self._on_trip = on_trip
        self._since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether callbacks should go to the spool without asking billing."""
        return self._since is not None

    @property
    def open_for(self) -> float:
        """How long it has been open, in seconds; 0 when it is not."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    def trip(self, cause: str) -> None:
        """Billing did not answer, or said that it cannot store."""
        self.cause = cause
        if self._since is None:
            self._since = time.monotonic()
            log.warning("billing_away", cause=cause)
            self._on_trip(cause)

    def timed_out(self, cause: str, successes: int) -> None:
        """Billing did not answer in time; it is not away when it stored something since `successes` were counted."""
        if self.successes == successes:
            self.trip(cause)

    def succeeded(self) -> None:
        """Billing stored something."""
        self.successes += 1
        self.retry()

    def retry(self) -> None:
        """Let billing be asked again."""
        if self._since is not None:
            log.info("billing_asked_again", seconds=round(self.open_for, 1))
            self._since, self.cause = None, ""


def _trans_ids(callbacks: Iterable[RawCallback]) -> list[str]:
    return [callback.trans_id for callback in callbacks if not callback.malformed]
