"""Tells billing how leased tasks went, as long as the lease lasts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import structlog
from lipanet.billing.v1.task_service_pb2 import CompleteTasksRequest, ReleaseReport, Task, TaskReport

from gateway.backoff import Backoff, wait_for
from gateway.dispatcher.pace import Pace
from gateway.errors import Broken, CallFailed, Refused, from_rpc
from gateway.splitting import carry_all

if TYPE_CHECKING:
    from lipanet.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub

log = structlog.get_logger()

_MOST_REPORTS = 1000
_MOST_DETAIL = 500


@dataclass(frozen=True)
class Lease:
    """When a lease ends, by this process's own clock; counted from before it was asked for, so never too late."""

    ends: float

    @property
    def left(self) -> float:
        """Seconds left; negative when it is over."""
        return self.ends - asyncio.get_running_loop().time()


def released(task: Task, why: str) -> TaskReport:
    """The report that nothing was tried."""
    return TaskReport(task_id=task.task_id, epoch=task.epoch, detail=why[:_MOST_DETAIL], release=ReleaseReport())


class Reporter:
    """Sends reports. A report that cannot be delivered is dropped: the lease runs out and the task is redone."""

    def __init__(self, tasks: "TaskServiceAsyncStub", pace: Pace, stopping: asyncio.Event) -> None:
        self._tasks = tasks
        self._pace = pace
        self._stopping = stopping

    async def report(self, reports: Sequence[TaskReport], lease: Lease) -> None:
        """Deliver the reports at once."""
        for start in range(0, len(reports), _MOST_REPORTS):
            await self._deliver(reports[start : start + _MOST_REPORTS], lease)

    async def _deliver(self, reports: Sequence[TaskReport], lease: Lease) -> None:
        backoff = Backoff(self._pace.first_pause, self._pace.longest_pause)
        while True:
            last_try = self._stopping.is_set()
            try:
                await carry_all(reports, self._complete, _drop)
            except CallFailed as error:
                pause = backoff.failed()
                if last_try or lease.left < pause:
                    log.warning("reports_dropped", count=len(reports), reason=error.reason)
                    return
                await wait_for(self._stopping, pause)
            else:
                return

    async def _complete(self, reports: Sequence[TaskReport]) -> Sequence[None]:
        request = CompleteTasksRequest(reports=reports)
        try:
            response = await self._tasks.CompleteTasks(request, timeout=self._pace.report_deadline)
        except grpc.aio.AioRpcError as error:
            raise from_rpc("billing", error) from None
        if response.stale_task_ids:
            # Someone else has leased them since; what they report counts.
            log.info("reports_stale", task_ids=list(response.stale_task_ids))
        return [None] * len(reports)


def _drop(report: TaskReport, error: Refused | Broken) -> None:
    log.error("report_refused", task_id=report.task_id, reason=error.reason, detail=error.detail)
