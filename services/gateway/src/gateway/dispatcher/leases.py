"""Leases due tasks of one kind round by round. The next round does not wait for the work: see `calls`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Generic, TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.clients.tasks import Leased, Task
from gateway.dispatcher.calls import Calls
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)

# Whether something still goes before is looked at so often, in seconds.
_LOOK_SECONDS = 0.05


class LeaseLoop(Generic[TaskT]):
    """Keeps one worker busy until `stopping` is set. `lease` takes a number of tasks and the busy routers.

    `calm` is set while billing says that it is not busy; the loops of a dispatcher share it, and hear it of each other.
    `first`: the loop whose tasks go before ours while more of them are due than one lease takes.
    """

    def __init__(
        self,
        lease: Callable[[int, Collection[int]], Awaitable[Leased[TaskT]]],
        calls: Calls[TaskT],
        limits: DispatchLimits,
        stopping: asyncio.Event,
        calm: asyncio.Event,
        first: "LeaseLoop[Any] | None" = None,
    ) -> None:
        self._lease = lease
        self._calls = calls
        self._limits = limits
        self._stopping = stopping
        self._calm = calm
        self._first = first
        self._more_until = 0.0
        self._no_lease = Backoff(limits.first_pause, limits.max_pause)

    async def run(self) -> None:
        """Work until `stopping` is set, then wait for what is under way and for its reports."""
        while not self._stopping.is_set():
            try:
                await self._round()
            except Exception as error:  # a loop that ended would leave paid lines off without a word
                pause, away = self._no_lease.failed(), isinstance(error, ServiceError)
                reason = getattr(error, "reason", "INTERNAL")
                log.warning("lease_failed", reason=reason, pause=round(pause, 2), exc_info=not away)
                await wait_for(self._stopping, pause)
        await self._calls.finish()

    async def _round(self) -> None:
        """Lease and start once, and wait until the next round shall begin."""
        began = time.monotonic()
        self._calls.freed.clear()
        started = await self._lease_and_start()
        if self._stands_back:
            await self._wait_for_precedence(began + self._calls.worker.busy_interval)
        elif started < self._limits.max_tasks:  # otherwise more is due
            await wait_for(self._stopping, _until(began + self._calls.worker.interval))
            if not started:
                await wait_for(self._calls.freed, _until(began + self._limits.poll))

    @property
    def has_more(self) -> bool:
        """Whether more was due, a moment ago, than one lease takes."""
        return time.monotonic() < self._more_until

    @property
    def _stands_back(self) -> bool:
        return not self._calm.is_set() or (self._first is not None and self._first.has_more)

    async def _wait_for_precedence(self, moment: float) -> None:
        """Wait until nothing goes before our tasks, but not beyond a moment."""
        while self._stands_back and not self._stopping.is_set() and time.monotonic() < moment:
            await wait_for(self._stopping, min(_until(moment), _LOOK_SECONDS))

    async def _lease_and_start(self) -> int:
        """How many tasks were leased and are under way now; none while as many are held as may be."""
        busy = self._calls.busy_routers
        if self._calls.held >= self._limits.max_tasks_held or len(busy) > self._limits.max_routers_held:
            return 0
        most = self._limits.max_tasks if self._calm.is_set() else self._limits.max_tasks_when_busy
        leased = await self._lease(most, busy)
        self._no_lease.succeeded()
        self._note(leased, busy, full=len(leased.tasks) >= most)
        self._calls.start(leased.tasks)
        return len(leased.tasks)

    def _note(self, leased: Leased[TaskT], busy: Collection[int], *, full: bool) -> None:
        """What a lease says about who goes first."""
        if leased.busy:
            self._calm.clear()
        else:
            self._calm.set()
        if full:
            self._more_until = time.monotonic() + self._limits.lines_first
        elif not busy:  # otherwise more may be due, and was passed by
            self._more_until = 0.0


def _until(moment: float) -> float:
    """Seconds until a moment; none once it has passed."""
    return max(0.0, moment - time.monotonic())
