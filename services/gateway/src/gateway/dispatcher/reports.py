"""Tells billing how leased tasks went, as long as the lease lasts."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from rejesha.billing.v1.task_service_pb2 import CompleteTasksRequest, ReleaseReport, Task, TaskReport

from gateway.backoff import Backoff, wait_for
from gateway.batching import carry_all
from gateway.dispatcher.pace import Pace
from gateway.errors import Broken, CallFailed, Refused, from_rpc

if TYPE_CHECKING:
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub

log = structlog.get_logger()

_MAX_REPORTS = 1000
_MAX_DETAIL = 500
# A second call beside the first must be worth its transaction: so many reports wait.
_WORTH_A_CALL = 100
_MAX_CALLS_AT_ONCE = 4


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
    return TaskReport(
        task_id=task.task_id, fencing_token=task.fencing_token, detail=why[:_MAX_DETAIL], release=ReleaseReport()
    )


class _Delivery:
    """Reports on their way, and the end of it for whoever waits."""

    def __init__(self, reports: Sequence[TaskReport], lease: Lease) -> None:
        self.reports = reports
        self.lease = lease
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, fault: Exception | None = None) -> None:
        if self.ended.done():
            return  # whoever waited has been cancelled
        if fault:
            self.ended.set_exception(fault)
        else:
            self.ended.set_result(None)


class Reporter:
    """Sends reports: few that come while a call is under way go with the next one, and cost billing little more.

    Reports that cannot be delivered are dropped: the lease runs out and the tasks are redone.
    """

    def __init__(self, tasks: "TaskServiceAsyncStub", pace: Pace, stopping: asyncio.Event) -> None:
        self._tasks = tasks
        self._stopping = stopping
        self._deadline = pace.report_deadline
        self._backoff = Backoff(pace.first_pause, pace.max_pause)
        self._waiting: deque[_Delivery] = deque()
        self._senders: set[asyncio.Task[Any] | None] = set()

    async def report(self, reports: Sequence[TaskReport], lease: Lease) -> None:
        """Deliver the reports; ends when billing has them or they are dropped."""
        starts = range(0, len(reports), _MAX_REPORTS)
        deliveries = [_Delivery(reports[start : start + _MAX_REPORTS], lease) for start in starts]
        self._waiting.extend(deliveries)
        self._go_on()
        await asyncio.gather(*(one.ended for one in deliveries))

    def _go_on(self) -> None:
        waiting = sum(len(one.reports) for one in self._waiting)
        if waiting >= (_WORTH_A_CALL if self._senders else 1) and len(self._senders) < _MAX_CALLS_AT_ONCE:
            self._senders.add(asyncio.create_task(self._send()))

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._send_some(self._take())
        finally:
            # Here and not once the task has ended: what comes in between would wait for a sender that is gone.
            self._senders.discard(asyncio.current_task())

    def _take(self) -> list[_Delivery]:
        """What goes into one call: the oldest first."""
        taken, count = [], 0
        while self._waiting and count + len(self._waiting[0].reports) <= _MAX_REPORTS:
            taken.append(self._waiting.popleft())
            count += len(taken[-1].reports)
        return taken

    async def _send_some(self, deliveries: Sequence[_Delivery]) -> None:
        last_try = self._stopping.is_set()
        try:
            await carry_all([report for one in deliveries for report in one.reports], self._complete, _drop)
        except CallFailed as error:
            await self._keep(deliveries, self._backoff.failed(), error, last_try=last_try)
        except Exception as fault:  # noqa: BLE001  # goes to those who wait
            _end(deliveries, fault)
        else:
            self._backoff.succeeded()
            _end(deliveries)

    async def _keep(self, deliveries: Sequence[_Delivery], pause: float, error: CallFailed, *, last_try: bool) -> None:
        """Hold on to reports whose leases last longer than the pause, and drop the others."""
        dropped = [one for one in deliveries if last_try or one.lease.left < pause]
        for one in dropped:
            log.warning("reports_dropped", count=len(one.reports), reason=error.reason)
        _end(dropped)
        if kept := [one for one in deliveries if one not in dropped]:
            self._waiting.extendleft(reversed(kept))
            await wait_for(self._stopping, pause)

    async def _complete(self, reports: Sequence[TaskReport]) -> Sequence[None]:
        request = CompleteTasksRequest(reports=reports)
        try:
            response = await self._tasks.CompleteTasks(request, timeout=self._deadline)
        except grpc.aio.AioRpcError as error:
            raise from_rpc("billing", error) from None
        if response.stale_task_ids:
            # Someone else has leased them since; what they report counts.
            log.info("reports_stale", task_ids=list(response.stale_task_ids))
        return [None] * len(reports)


def _end(deliveries: Iterable[_Delivery], fault: Exception | None = None) -> None:
    for one in deliveries:
        one.end(fault)


def _drop(report: TaskReport, error: Refused | Broken) -> None:
    log.error("report_refused", task_id=report.task_id, reason=error.reason, detail=error.detail)
