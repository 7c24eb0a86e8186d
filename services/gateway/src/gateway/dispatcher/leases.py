"""Leases due tasks of one kind, round by round, and hands them to a worker. Does not wait for the work."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, Protocol, TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.clients.tasks import Leased, Task
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)

# A stop is noticed within so many seconds.
_STOP_SECONDS = 0.25


class Worker(Protocol[TaskT]):
    """Carries out tasks of one kind."""

    # How far apart leases are asked for, in seconds, while there is work.
    interval: float
    # And while payments come in so fast that whatever can wait should.
    busy_interval: float
    # Set when tasks that had to wait for others may be leased now.
    freed: asyncio.Event

    @property
    def busy_routers(self) -> Collection[int]:
        """Routers whose next tasks must wait until those under way are done."""
        ...

    def split(self, tasks: Sequence[TaskT]) -> Sequence[Sequence[TaskT]]:
        """The tasks in pieces that may be carried out side by side."""
        ...

    async def carry_out(self, tasks: Sequence[TaskT]) -> None:
        """Carry out and report one piece. Never raises for what another service does."""
        ...


class LeaseLoop(Generic[TaskT]):
    """Keeps one worker busy until `stopping` is set. `lease` takes a number of tasks and the busy routers.

    `calm` is set while billing says that it is not busy; the loops of a dispatcher share it, and hear it of each other.
    """

    def __init__(
        self,
        lease: Callable[[int, Collection[int]], Awaitable[Leased[TaskT]]],
        worker: Worker[TaskT],
        limits: DispatchLimits,
        stopping: asyncio.Event,
        calm: asyncio.Event,
    ) -> None:
        self._lease = lease
        self._worker = worker
        self._limits = limits
        self._stopping = stopping
        self._held = 0
        self._calm = calm
        self._under_way: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(limits.first_pause, limits.max_pause)

    async def run(self) -> None:
        """Work until `stopping` is set, then wait for what is under way."""
        while not self._stopping.is_set():
            try:
                await self._round()
            except ServiceError as error:
                await self._pause(error.reason)
            except Exception:
                # A loop that ended would leave paid lines off without a word.
                log.exception("dispatcher_round_broken")
                await self._pause("INTERNAL")
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _pause(self, reason: str) -> None:
        pause = self._backoff.failed()
        log.warning("lease_failed", reason=reason, pause=round(pause, 2))
        await wait_for(self._stopping, pause)

    async def _round(self) -> None:
        """Lease and start once, and wait until the next round shall begin."""
        began = time.monotonic()
        self._worker.freed.clear()
        started = await self._lease_and_start()
        if not self._calm.is_set():
            await self._wait_for_calm(began + self._worker.busy_interval)
            return
        if started >= self._limits.max_tasks:
            return  # more is due
        await wait_for(self._stopping, _until(began + self._worker.interval))
        if not started:
            await wait_for(self._worker.freed, _until(began + self._limits.poll))

    async def _wait_for_calm(self, moment: float) -> None:
        """Wait until payments come in more slowly, but not beyond a moment."""
        while not (self._calm.is_set() or self._stopping.is_set()) and time.monotonic() < moment:
            await wait_for(self._calm, min(_until(moment), _STOP_SECONDS))

    async def _lease_and_start(self) -> int:
        """How many tasks were leased and are under way now; none while as many are held as may be."""
        busy = self._worker.busy_routers
        if self._held >= self._limits.max_tasks_held or len(busy) > self._limits.max_routers_held:
            return 0
        most = self._limits.max_tasks if self._calm.is_set() else self._limits.max_tasks_when_busy
        leased = await self._lease(most, busy)
        self._backoff.succeeded()
        if leased.busy:
            self._calm.clear()
        else:
            self._calm.set()
        for piece in self._worker.split(leased.tasks):
            self._start(piece)
        return len(leased.tasks)

    def _start(self, tasks: Sequence[TaskT]) -> None:
        self._held += len(tasks)
        work = asyncio.create_task(self._carry_out(tasks))
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)

    async def _carry_out(self, tasks: Sequence[TaskT]) -> None:
        try:
            await self._worker.carry_out(tasks)
        except Exception:
            # The leases run out, and the tasks are carried out again.
            log.exception("worker_broken")
        finally:
            self._held -= len(tasks)


def _until(moment: float) -> float:
    """Seconds until a moment; none once it has passed."""
    return max(0.0, moment - time.monotonic())
