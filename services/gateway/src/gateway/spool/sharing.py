"""A directory that several gateways share: each owns one of the directories 1, 2, … in it, and takes over what waits in
one that nobody owns any more. A gateway that was removed for good would hold its payments for ever otherwise.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import structlog

from gateway.callbacks.raw import RawCallback
from gateway.spool.errors import DiskFailed, NotSpooled, OldSpool, SpoolInUse
from gateway.spool.rules import CHANGED, Entry
from gateway.spool.service import Spool
from gateway.spool.store import Store
from gateway.waiting import wait_for

log = structlog.get_logger()

# How often one looks for what others left, in seconds.
_PAUSE = 5.0
_BATCH = 200


@dataclass(frozen=True)
class SharedDirectory:
    """`max_bytes` bounds each gateway's own part."""

    path: Path
    max_bytes: int

    def free(self) -> Store:
        """Own the first directory that no other gateway owns, with what is in it; raises as Store.open."""
        for number in count(1):
            with suppress(SpoolInUse):
                return Store.open(self.path / str(number), self.max_bytes)
        raise AssertionError("numbers do not end")

    def abandoned(self) -> Store | None:
        """Own a directory that no gateway owns and in which something waits; None where there is none."""
        for directory in sorted(self.path.glob("[1-9]*")):
            with suppress(SpoolInUse):
                store = Store.open(directory, self.max_bytes)
                if store.state.waiting:
                    return store
                store.close()
        return None


async def take_over(shared: SharedDirectory, spool: Spool, stopping: asyncio.Event, pause: float = _PAUSE) -> None:
    """Bring what others left into our own spool, until `stopping` is set."""
    while not stopping.is_set():
        try:
            if store := await asyncio.to_thread(shared.abandoned):
                await _empty(store, spool, stopping)
        except (DiskFailed, NotSpooled, OldSpool, OSError) as error:
            log.warning("spool_not_taken_over", cause=str(error) or type(error).__name__)
        await wait_for(stopping, pause)


async def _empty(store: Store, spool: Spool, stopping: asyncio.Event) -> None:
    """What is in ours is deleted from theirs; who dies in between leaves it in both, and it is applied once."""
    taken = 0
    try:
        while store.state.waiting and not stopping.is_set():
            entries = await asyncio.to_thread(store.heads, _BATCH)
            await _keep([_callback(entry) for entry in entries], spool)
            await asyncio.to_thread(store.forget, entries)
            taken += len(entries)
    finally:
        await asyncio.to_thread(store.close)
        log.warning("spool_taken_over", callbacks=taken)


async def _keep(callbacks: Sequence[RawCallback], spool: Spool) -> None:
    """In their order. Raises NotSpooled where one of them has no room."""
    for done in await asyncio.gather(*map(spool.put, callbacks), return_exceptions=True):
        if done:
            raise done


def _callback(entry: Entry) -> RawCallback:
    return entry.callback if entry.intact else replace(entry.callback, fault=CHANGED)
