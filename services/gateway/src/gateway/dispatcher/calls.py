"""Has a worker carry out leased tasks, and reports to billing. Nothing waits for the work, nor the work for a report.

Knows nothing of when to lease: see `leases`.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.batching import carry_all
from gateway.clients.tasks import MAX_REPORTS, Report, Task, Tasks
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)


class Worker(Protocol[TaskT]):
    """Carries out tasks of one kind: `calls_at_once` side by side, each for `deadline` seconds at most. While there is
    work leases are `interval` seconds apart, `busy_interval` while payments come in so fast that it should wait.
    """

    interval: float
    busy_interval: float
    calls_at_once: int
    deadline: float

    def split(self, tasks: Sequence[TaskT]) -> Sequence[Sequence[TaskT]]:
        """The tasks in pieces, a call each, that may be carried out side by side."""
        ...

    def busy_routers(self, pieces: Iterable[Sequence[TaskT]], /) -> Collection[int]:
        """Routers whose next tasks must wait until these pieces are done."""
        ...

    async def call(self, tasks: Sequence[TaskT]) -> Sequence[Report]:
        """Carry out one piece. Raises ServiceError."""
        ...

    def refused(self, task: TaskT, error: ServiceError) -> Report:
        """What to report on a task that is to blame for the refusal of its call."""
        ...


class Calls(Generic[TaskT]):
    """The calls of one worker. `under_way`: planned ones among them, with their tasks; `freed`: set when one ends."""

    def __init__(
        self, worker: Worker[TaskT], reporter: "Reporter", limits: DispatchLimits, stopping: asyncio.Event
    ) -> None:
        self.worker = worker
        self.freed = asyncio.Event()
        self.under_way: dict[asyncio.Task[None], Sequence[TaskT]] = {}
        self._reporter = reporter
        self._limits = limits
        self._stopping = stopping
        self._slots = asyncio.Semaphore(worker.calls_at_once)
        self._no_answer = Backoff(limits.first_pause, limits.max_pause)

    def start(self, tasks: Sequence[TaskT]) -> None:
        """Carry out what was leased, in as many calls as it takes. Does not wait."""
        for piece in self.worker.split(tasks):
            self.under_way[asyncio.create_task(self._carry_out(piece))] = piece

    @property
    def held(self) -> int:
        """How many tasks have not ended."""
        return sum(map(len, self.under_way.values()))

    @property
    def busy_routers(self) -> Collection[int]:
        """Routers whose next tasks must wait until those under way are done."""
        return self.worker.busy_routers(self.under_way.values())

    async def finish(self) -> None:
        """Wait for what is under way and for its reports."""
        while self.under_way:
            await asyncio.wait(self.under_way)
        await self._reporter.drain()

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
            del self.under_way[asyncio.current_task()]  # type: ignore[arg-type]  # there is one
            self.freed.set()

    async def _call_in_time(self, tasks: Sequence[TaskT]) -> Sequence[Report]:
        """Carry out tasks of one lease, unless the call could outlast it. Raises ServiceError: the service is away."""
        async with self._slots:
            if self._stopping.is_set() or tasks[0].lease_left < self.worker.deadline + self._limits.margin:
                return [Report(task, "not started in time") for task in tasks]
            results = await carry_all(tasks, self.worker.call)
        self._no_answer.succeeded()
        return [
            self.worker.refused(task, result) if isinstance(result, ServiceError) else result
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
