"""Leases due tasks of one kind round by round, has a worker carry them out, and reports to billing. The next round does
not wait for the work, nor the work for a report.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, Protocol, TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.batching import carry_all
from gateway.clients.tasks import MAX_REPORTS, Leased, Report, Task, Tasks
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)

# A stop is noticed within so many seconds.
_STOP_SECONDS = 0.25


class Worker(Protocol[TaskT]):
    """Carries out tasks of one kind: `calls_at_once` side by side, each for `deadline` seconds at most. While there is
    work leases are `interval` seconds apart, `busy_interval` while payments come in so fast that it should wait.
    """

    interval: float
    busy_interval: float
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
        reporter: "Reporter",
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
        """Work until `stopping` is set, then wait for what is under way and for its reports."""
        while not self._stopping.is_set():
            try:
                await self._round()
            except Exception as error:  # a loop that ended would leave paid lines off without a word
                pause, away = self._no_lease.failed(), isinstance(error, ServiceError)
                reason = getattr(error, "reason", "INTERNAL")
                log.warning("lease_failed", reason=reason, pause=round(pause, 2), exc_info=not away)
                await wait_for(self._stopping, pause)
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._reporter.drain()

    async def _round(self) -> None:
        """Lease and start once, and wait until the next round shall begin."""
        began = time.monotonic()
        self._freed.clear()
        started = await self._lease_and_start()
        if not self._calm.is_set():
            await self._wait_for_calm(began + self._worker.busy_interval)
        elif started < self._limits.max_tasks:  # otherwise more is due
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
            self._held += len(piece)
            work = asyncio.create_task(self._carry_out(piece))
            self._under_way.add(work)
            work.add_done_callback(self._under_way.discard)
        return len(leased.tasks)

    async def _carry_out(self, tasks: Sequence[TaskT]) -> None:
        try:
            self._reporter.add(await self._call_in_time(tasks))
        except ServiceError as error:
            self._reporter.add(await self._give_back(tasks, error))
        except Exception:
            # The leases run out, and the tasks are carried out again.
            log.exception("worker_broken")
        finally:
            # The next tasks need not wait for what billing makes of the report.
            self._held -= len(tasks)
            self._worker.ended(tasks)
            self._freed.set()

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


class Reporter:
    """Sends reports in chained calls: what comes while a call is under way goes with the next one.

    Reports that cannot be delivered are dropped: the lease runs out and the tasks are carried out again.
    """

    def __init__(self, tasks: Tasks, limits: DispatchLimits, stopping: asyncio.Event) -> None:
        self._tasks = tasks
        self._stopping = stopping
        self._backoff = Backoff(limits.first_pause, limits.max_pause)
        self._waiting: list[Report] = []
        self._sender: asyncio.Task[None] | None = None

    def add(self, reports: Sequence[Report]) -> None:
        """Let them go with the next call. Does not wait."""
        self._waiting.extend(reports)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def drain(self) -> None:
        """Wait until all reports are delivered or dropped."""
        if self._sender:
            await self._sender

    async def _send(self) -> None:
        while batch := self._waiting[:MAX_REPORTS]:
            del self._waiting[:MAX_REPORTS]
            last_try = self._stopping.is_set()
            try:
                results = await carry_all(batch, self._complete)
            except ServiceError as error:
                await self._keep(batch, error, last_try=last_try)
            except Exception:
                log.exception("reports_broken", count=len(batch))
            else:
                self._backoff.succeeded()
                for report, refusal in zip(batch, results, strict=True):
                    if refusal:
                        log.error("report_refused", trans_id=report.task.trans_id, reason=refusal.told)

    async def _keep(self, batch: Sequence[Report], error: ServiceError, *, last_try: bool) -> None:
        """Hold on to reports whose leases last longer than the pause, and drop the others."""
        pause = self._backoff.failed()
        kept = [] if last_try else [report for report in batch if report.task.lease_left > pause]
        log.warning("reports_not_taken", kept=len(kept), dropped=len(batch) - len(kept), reason=error.reason)
        self._waiting[:0] = kept
        if kept:
            await wait_for(self._stopping, pause)

    async def _complete(self, reports: Sequence[Report]) -> Sequence[None]:
        if stale := await self._tasks.complete(reports):
            # Someone else has leased them since; what they report counts.
            log.info("reports_stale", trans_ids=[one.task.trans_id for one in reports if one.task.task_id in stale])
        return [None] * len(reports)


def _until(moment: float) -> float:
    """Seconds until a moment; none once it has passed."""
    return max(0.0, moment - time.monotonic())
