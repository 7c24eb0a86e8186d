"""Calls to another service about leased tasks: so many at once, and none that could outlast its lease.

A module of its own because lines and messages are carried out by the same rule.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.batching import carry_all
from gateway.clients.tasks import Report, Task
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()

TaskT = TypeVar("TaskT", bound=Task)


class Calls:
    """To one service, `at_once` at a time. `deadline`: of a call, in seconds."""

    def __init__(self, limits: DispatchLimits, stopping: asyncio.Event, *, at_once: int, deadline: float) -> None:
        self._deadline = deadline
        self._margin = limits.margin
        self._stopping = stopping
        self._slots = asyncio.Semaphore(at_once)
        self._backoff = Backoff(limits.first_pause, limits.max_pause)

    async def make(
        self,
        tasks: Sequence[TaskT],
        call: Callable[[Sequence[TaskT]], Awaitable[Sequence[Report]]],
        refused: Callable[[TaskT, ServiceError], Report],
    ) -> list[Report]:
        """What `call` reports on tasks of one lease; who is to blame when it is refused gets what `refused` says.

        Where the service is away, or no time is left, the tasks are reported as not tried, the former after a pause.
        """
        try:
            return await self._make(tasks, call, refused)
        except ServiceError as error:
            pause = min(self._backoff.failed(), max(0.0, tasks[0].lease_left - self._margin))
            log.warning("tasks_postponed", service=error.service, tasks=len(tasks), reason=error.reason)
            await wait_for(self._stopping, pause)
            return [Report(task, f"{error.service}: {error.reason}") for task in tasks]

    async def _make(
        self,
        tasks: Sequence[TaskT],
        call: Callable[[Sequence[TaskT]], Awaitable[Sequence[Report]]],
        refused: Callable[[TaskT, ServiceError], Report],
    ) -> list[Report]:
        async with self._slots:
            if self._stopping.is_set() or tasks[0].lease_left < self._deadline + self._margin:
                return [Report(task, "not started in time") for task in tasks]
            reports = await carry_all(tasks, call, refused)
        self._backoff.succeeded()
        return reports
