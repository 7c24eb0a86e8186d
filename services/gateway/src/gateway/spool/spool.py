"""The spool as the event loop sees it: many callbacks in one disk write, and which TransIDs wait.

One thread does all that touches the disk, so that the journal needs no locks and the loop never waits for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from gateway.batcher import Batcher
from gateway.errors import CallFailed, NotSpooled
from gateway.spool.journal import Entry, Journal
from gateway.spool.records import Callback

Result = TypeVar("Result")

log = structlog.get_logger()

# What a hung disk may cost a callback, in seconds; then it is answered 503.
_WRITE_SECONDS = 10.0
# A flood of junk must leave room for payments: malformed callbacks may fill this part of the spool.
_MALFORMED_PART = 4


@dataclass
class Counters:
    """What happened since the process started."""

    spooled: int = 0
    refused: int = 0
    drained: int = 0
    quarantined: int = 0
    rejected: int = 0
    write_failures: int = 0


@dataclass(frozen=True)
class State:
    """`waiting` callbacks since `oldest`; `size` in bytes on disk; `rejected` lie aside.

    `word`: ok, draining, full or failing.
    """

    waiting: int
    size: int
    oldest: datetime | None
    rejected: int
    word: str


class Spool:
    """Callbacks that wait for billing. Made inside the event loop; owns the journal from then on."""

    def __init__(self, journal: Journal) -> None:
        self.filled = asyncio.Event()
        self.counters = Counters()
        self._journal = journal
        self._held = Counter(journal.held)
        self._waiting = journal.waiting  # as `holds` sees it; the journal's own number runs ahead in its thread
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._writer: Batcher[Callback, bool] = Batcher(self._write, deadline=_WRITE_SECONDS)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    @property
    def can_store(self) -> bool:
        """Whether the next callback will probably be stored."""
        return self._journal.failure is None and not self._journal.full

    @property
    def state(self) -> State:
        """For people and probes."""
        journal = self._journal
        word = "full" if journal.full else "failing" if journal.failure else "draining" if self._waiting else "ok"
        return State(self._waiting, journal.size, journal.oldest, journal.aside.count, word)

    def holds(self, trans_id: str) -> bool:
        """Whether a callback of this payment waits here, so that no later one may overtake it."""
        return trans_id in self._held

    async def put(self, callback: Callback) -> None:
        """Store a callback; it is on the disk when this returns. Raises NotSpooled: it may or may not be."""
        try:
            if not (self._may_enter(callback) and await self._writer.submit(callback)):
                raise NotSpooled("spool", "SPOOL_FULL")
        except (CallFailed, TimeoutError) as error:
            self.counters.refused += 1
            if isinstance(error, NotSpooled):
                raise
            raise NotSpooled("spool", getattr(error, "reason", "DISK_TOO_SLOW")) from None

    async def peek(self, most: int) -> list[Entry]:
        """The oldest callbacks. Raises OSError."""
        entries = await self._run(lambda: self._journal.peek(most))
        if not entries:
            self._waiting = self._journal.waiting
        return entries

    async def release(self, applied: Sequence[Entry]) -> None:
        """Forget callbacks that `peek` answered. Raises OSError."""
        try:
            await self._run(lambda: self._journal.release(applied))
        finally:
            self._let_go([entry.callback for entry in applied])
            self._waiting = self._journal.waiting

    async def reject(self, callbacks: Sequence[Callback]) -> None:
        """Lay callbacks aside, where an operator finds them. Raises OSError."""
        await self._run(lambda: self._journal.reject(callbacks))
        self.counters.rejected += len(callbacks)

    async def heal(self) -> None:
        """Find out whether a disk that failed works again; without callbacks nobody else would."""
        if self._journal.failure is None:
            return
        try:
            await self._run(self._journal.probe)
        except OSError as error:
            log.warning("spool_still_failing", cause=error.strerror)
        else:
            log.info("spool_works_again")

    async def close(self) -> None:
        """Finish what is being written and let the directory go."""
        await self._writer.drain()
        await self._run(self._journal.close)
        self._thread.shutdown()

    def _may_enter(self, callback: Callback) -> bool:
        return not callback.malformed or self._journal.size < self._journal.most_bytes // _MALFORMED_PART

    async def _write(self, callbacks: Sequence[Callback]) -> list[bool]:
        """Store callbacks with one write and one sync; whether each had room."""
        self._held.update(_trans_ids(callbacks))
        stored = 0
        try:
            stored = await self._run(lambda: self._journal.append(callbacks))
        except OSError as error:
            self.counters.write_failures += 1
            log.error("spool_write_failed", cause=error.strerror, size=len(callbacks))  # noqa: TRY400
            raise NotSpooled("spool", "DISK_FAILED", error.strerror or "") from None
        finally:
            self._let_go(callbacks[stored:])
            self._waiting = self._journal.waiting
        self.counters.spooled += stored
        self.filled.set()
        return [place < stored for place in range(len(callbacks))]

    def _let_go(self, callbacks: Iterable[Callback]) -> None:
        for trans_id in _trans_ids(callbacks):
            self._held[trans_id] -= 1
            if not self._held[trans_id]:
                del self._held[trans_id]

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _trans_ids(callbacks: Iterable[Callback]) -> list[str]:
    return [callback.trans_id for callback in callbacks if callback.trans_id]
