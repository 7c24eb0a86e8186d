"""Hands messages over to notify: the messages of many tasks in one call."""

import asyncio
from collections.abc import Collection, Sequence

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.clients.notify import MAX_MESSAGES, Notify, OutgoingMessage
from gateway.clients.tasks import MessageTask, Report
from gateway.dispatcher.calls import Calls
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.reports import Reporter

log = structlog.get_logger()


class MessageWorker:
    """Few calls at a time: each one holds many messages."""

    busy_routers: Collection[int] = ()

    def __init__(self, notify: Notify, calls: Calls, reporter: Reporter, limits: DispatchLimits) -> None:
        self.interval = limits.message_interval
        self.busy_interval = limits.busy_message_interval
        self.freed = asyncio.Event()  # never set: no message waits for another
        self._notify = notify
        self._calls = calls
        self._reporter = reporter

    def split(self, tasks: Sequence[MessageTask]) -> list[list[MessageTask]]:
        """The tasks in calls of at most 1000 messages; a task is never torn apart."""
        calls: list[list[MessageTask]] = []
        room = 0
        for task in tasks:
            if not calls or len(task.messages) > room:
                calls.append([])
                room = MAX_MESSAGES
            calls[-1].append(task)
            room -= len(task.messages)
        return calls

    async def carry_out(self, tasks: Sequence[MessageTask]) -> None:
        """Hand over one call's tasks and report. Never raises for what notify does."""
        self._reporter.add(await self._calls.make(tasks, self._hand_over, _refused))

    async def _hand_over(self, tasks: Sequence[MessageTask]) -> list[Report]:
        await self._notify.send([message for task in tasks for message in _outgoing(task)])
        # notify holds every message; what becomes of each is its own record.
        return [Report(task, accepted=True) for task in tasks]


def _outgoing(task: MessageTask) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(one.message_id, one.phone, one.template, one.facts, task.trans_id, task.expire_time)
        for one in task.messages
    ]


def _refused(task: MessageTask, error: ServiceError) -> Report:
    log.error("messages_refused", task_id=task.task_id, reason=error.reason, detail=str(error))
    return Report(task, f"{error.service}: {error.told}", accepted=False)
