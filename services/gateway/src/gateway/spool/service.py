"""The spool as the event loop sees it: many callbacks in one disk write, and which TransIDs wait.

One thread does all that touches the disk, so that the store needs no locks and the loop never waits for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.batching import Batcher
from gateway.callbacks.raw import RawCallback
from gateway.spool.errors import DiskFailed, NotSpooled
from gateway.spool.rules import HeldTransIds, SpoolState
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
    """RawCallbacks that wait for billing. Made inside the event loop; owns the store from then on.

    `held`: the TransIDs of payments that wait here, so that no later callback may overtake them.
    """

    def __init__(self, store: Store) -> None:
        self.filled = asyncio.Event()
        self.counters = Counters()
        self._store = store
        if self.state.waiting or self.state.rejected:
            log.warning("spool_reopened", waiting=self.state.waiting, rejected=self.state.rejected)
        self.held = HeldTransIds(store.trans_ids())
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

    async def on_disk(self, work: Callable[[Store], Result]) -> Result:
        """What `work` does with the store, in its thread. Raises DiskFailed."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)

    async def close(self) -> None:
        """Finish what is being written and let the directory go."""
        await self._writer.drain()
        await self.on_disk(Store.close)
        self._thread.shutdown()

    async def _write(self, arrivals: Sequence[tuple[RawCallback, float]]) -> list[bool]:
        """Store callbacks in one transaction; whether each had room."""
        callbacks = [callback for callback, _ in arrivals]
        self.held.add(callbacks)
        stored = [False] * len(arrivals)
        try:
            stored = await self.on_disk(lambda store: store.insert(arrivals))
        except DiskFailed as error:
            self.counters.write_failures += 1
            log.error("spool_write_failed", cause=str(error), size=len(arrivals))  # noqa: TRY400
            raise NotSpooled(str(error), reason="DISK_FAILED") from None
        finally:
            self.held.remove(callback for callback, kept in zip(callbacks, stored, strict=True) if not kept)
        self.counters.spooled += sum(stored)
        self.filled.set()
        return stored
