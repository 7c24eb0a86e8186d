"""Leases due tasks of one kind, round by round, and has a worker carry them out: so many calls at once, and none that
could outlast its lease. The next round does not wait for the work.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, Protocol, TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.batching import carry_all
from gateway.clients.tasks import Leased, Report, Task
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.reports import Reporter
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)

# A stop is noticed within so many seconds.
_STOP_SECONDS = 0.25


class Worker(Protocol[TaskT]):
    """Carries out tasks of one kind, by calls to one service."""

    # How far apart leases are asked for, in seconds, while there is work.
    interval: float
    # And while payments come in so fast that whatever can wait should.
    busy_interval: float
    # How many calls there may be side by side, and how long one may take, in seconds.
    calls_at_once: int
    deadline: float

    @property
    def busy_routers(self) -> Collection[int]:
        """Routers whose next tasks must wait until those under way are done."""
        ...

    def split(self, tasks: Sequence[TaskT]) -> Sequence[Sequence[TaskT]]:
        """The tasks in pieces, a call each, that may be carried out side by side."""
        ...

    async def call(self, tasks: Sequence[TaskT]) -> Sequence[Report]:
        """Carry out one piece. Raises ServiceError."""
        ...

    def refused(self, task: TaskT, error: ServiceError) -> Report:
        """What to report on a task that is to blame for the refusal of its call."""
        ...

    def ended(self, tasks: Sequence[TaskT]) -> None:
        """One piece is not under way any more, whatever became of it."""
        ...


class LeaseLoop(Generic[TaskT]):
    """Keeps one worker busy until `stopping` is set. `lease` takes a number of tasks and the busy routers.

    `calm` is set while billing says that it is not busy; the loops of a dispatcher share it, and hear it of each other.
    """

    def __init__(
        self,
        lease: Callable[[int, Collection[int]], Awaitable[Leased[TaskT]]],
        worker: Worker[TaskT],
        reporter: Reporter,
        limits: DispatchLimits,
        stopping: asyncio.Event,
        calm: asyncio.Event,
    ) -> None:
        self._lease = lease
        self._worker = worker
        self._reporter = reporter
        self._limits = limits
        self._stopping = stopping
        self._calm = calm
        self._freed = asyncio.Event()  # tasks that had to wait for others may be leased now
        self._held = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(worker.calls_at_once)
        self._no_lease = Backoff(limits.first_pause, limits.max_pause)
        self._no_answer = Backoff(limits.first_pause, limits.max_pause)

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
        pause = self._no_lease.failed()
        log.warning("lease_failed", reason=reason, pause=round(pause, 2))
        await wait_for(self._stopping, pause)

    async def _round(self) -> None:
        """Lease and start once, and wait until the next round shall begin."""
        began = time.monotonic()
        self._freed.clear()
        started = await self._lease_and_start()
        if not self._calm.is_set():
            await self._wait_for_calm(began + self._worker.busy_interval)
            return
        if started >= self._limits.max_tasks:
            return  # more is due
        await wait_for(self._stopping, _until(began + self._worker.interval))
        if not started:
            await wait_for(self._freed, _until(began + self._limits.poll))

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
        self._no_lease.succeeded()
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
        reports: Sequence[Report] = ()
        try:
            reports = await self._call_in_time(tasks)
        except ServiceError as error:
            reports = await self._give_back(tasks, error)
        except Exception:
            # The leases run out, and the tasks are carried out again.
            log.exception("worker_broken")
        finally:
            self._held -= len(tasks)
            # The next tasks need not wait for what billing makes of the report.
            self._worker.ended(tasks)
            self._freed.set()
        self._reporter.add(reports)

    async def _call_in_time(self, tasks: Sequence[TaskT]) -> Sequence[Report]:
        """Carry out tasks of one lease, unless the call could outlast it. Raises ServiceError: the service is away."""
        async with self._slots:
            if self._stopping.is_set() or tasks[0].lease_left < self._worker.deadline + self._limits.margin:
                return [Report(task, "not started in time") for task in tasks]
            results = await carry_all(tasks, self._worker.call)
        self._no_answer.succeeded()
        return [
            self._worker.refused(task, result) if isinstance(result, ServiceError) else result
            for task, result in zip(tasks, results, strict=True)
        ]

    async def _give_back(self, tasks: Sequence[TaskT], error: ServiceError) -> Sequence[Report]:
        """Report the tasks as not tried, after a pause."""
        pause = min(self._no_answer.failed(), max(0.0, tasks[0].lease_left - self._limits.margin))
        log.warning("tasks_postponed", service=error.service, tasks=len(tasks), reason=error.reason)
        await wait_for(self._stopping, pause)
        return [Report(task, f"{error.service}: {error.reason}") for task in tasks]


def _until(moment: float) -> float:
    """Seconds until a moment; none once it has passed."""
    return max(0.0, moment - time.monotonic())
