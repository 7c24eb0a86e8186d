"""Hands messages over to notify: the messages of many tasks in one call."""

import asyncio
from collections.abc import Collection, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from rejesha.billing.v1.task_service_pb2 import (
    TASK_KIND_SEND_MESSAGES,
    MessageReport,
    Task,
    TaskMessage,
    TaskReport,
)
from rejesha.notify.v1.notify_service_pb2 import OutgoingMessage, SendMessagesRequest, Template

from gateway.backoff import Backoff, wait_for
from gateway.batching import carry_all
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Lease, Reporter, released
from gateway.errors import Broken, CallFailed, Refused, from_rpc

if TYPE_CHECKING:
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub

log = structlog.get_logger()

_MAX_MESSAGES = 1000
_MAX_DETAIL = 500


def plan_calls(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """The tasks in calls of at most 1000 messages; a task is never torn apart."""
    call: list[Task] = []
    count = 0
    for task in tasks:
        size = len(task.messages.messages)
        if call and count + size > _MAX_MESSAGES:
            yield call
            call, count = [], 0
        call.append(task)
        count += size
    if call:
        yield call


class MessageCarrier:
    """Carries message tasks, few calls at a time: each one holds many messages."""

    kind = TASK_KIND_SEND_MESSAGES
    busy_routers: Collection[int] = ()

    def __init__(self, stub: "NotifyServiceAsyncStub", reporter: Reporter, pace: Pace, stopping: asyncio.Event) -> None:
        self.interval = pace.message_interval
        self._stub = stub
        self._reporter = reporter
        self._pace = pace
        self._stopping = stopping
        self._slots = asyncio.Semaphore(pace.max_message_calls_at_once)
        self._backoff = Backoff(pace.first_pause, pace.max_pause)

    def plan(self, tasks: Sequence[Task], lease: Lease) -> Iterator[tuple[Coroutine[Any, Any, None], int]]:
        """A piece of work for each call."""
        for call in plan_calls(tasks):
            yield self._carry(call, lease), len(call)

    async def _carry(self, tasks: Sequence[Task], lease: Lease) -> None:
        """Hand over one call's tasks and report. Never raises for what notify does."""
        try:
            reports = await self._call(tasks, lease)
        except CallFailed as error:
            log.warning("messages_postponed", tasks=len(tasks), reason=error.reason)
            pause = min(self._backoff.failed(), max(0.0, lease.left - self._pace.margin))
            await wait_for(self._stopping, pause)
            reports = [released(task, str(error)) for task in tasks]
        await self._reporter.report(reports, lease)

    async def _call(self, tasks: Sequence[Task], lease: Lease) -> list[TaskReport]:
        async with self._slots:
            if self._stopping.is_set() or lease.left < self._pace.message_deadline + self._pace.margin:
                return [released(task, "not started in time") for task in tasks]
            reports = await carry_all(tasks, self._hand_over, _not_accepted)
        self._backoff.succeeded()
        return reports

    async def _hand_over(self, tasks: Sequence[Task]) -> list[TaskReport]:
        messages = [_outgoing(task, message) for task in tasks for message in task.messages.messages]
        try:
            # An answer means that notify holds every message; what becomes of each is notify's own record.
            await self._stub.SendMessages(SendMessagesRequest(messages=messages), timeout=self._pace.message_deadline)
        except grpc.aio.AioRpcError as error:
            raise from_rpc("notify", error) from None
        return [_report(task, accepted=True) for task in tasks]


def _outgoing(task: Task, message: TaskMessage) -> OutgoingMessage:
    return OutgoingMessage(
        message_id=message.message_id,
        phone=message.phone,
        template=Template(name=message.template, facts=message.facts),
        subject=task.trans_id,
        expire_time=task.expire_time if task.HasField("expire_time") else None,
    )


def _not_accepted(task: Task, error: Refused | Broken) -> TaskReport:
    log.error("messages_refused", task_id=task.task_id, reason=error.reason, detail=error.detail)
    return _report(task, accepted=False, detail=f"{error}: {error.detail}")


def _report(task: Task, *, accepted: bool, detail: str = "") -> TaskReport:
    return TaskReport(
        task_id=task.task_id,
        fencing_token=task.fencing_token,
        detail=detail[:_MAX_DETAIL],
        messages=MessageReport(accepted=accepted),
    )
