"""Hands messages over to notify: the messages of many tasks in one call."""

from collections.abc import Collection, Iterable, Sequence

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.clients.message_tasks import MessageTask
from gateway.clients.notify import MAX_MESSAGES, Notify, OutgoingMessage
from gateway.clients.tasks import Report
from gateway.dispatcher.limits import DispatchLimits

log = structlog.get_logger()


class MessageWorker:
    """Few calls at a time: each one holds many messages."""

    def __init__(self, notify: Notify, limits: DispatchLimits) -> None:
        self.interval = limits.message_interval
        self.busy_interval = limits.busy_message_interval
        self.calls_at_once = limits.max_message_calls_at_once
        self.deadline = limits.message_deadline
        self._notify = notify

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

    def busy_routers(self, _pieces: Iterable[Sequence[MessageTask]]) -> Collection[int]:
        """None: no message waits for another."""
        return ()

    async def call(self, tasks: Sequence[MessageTask]) -> list[Report]:
        """Hand over one call's tasks. Raises ServiceError."""
        await self._notify.send([message for task in tasks for message in _outgoing(task)])
        # notify holds every message; what becomes of each is its own record.
        return [Report(task, accepted=True) for task in tasks]

    def refused(self, task: MessageTask, error: ServiceError) -> Report:
        """Messages that notify does not accept."""
        log.error("messages_refused", trans_id=task.trans_id, reason=error.reason, detail=str(error))
        return Report(task, f"{error.service}: {error.told}", accepted=False)


def _outgoing(task: MessageTask) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(one.message_id, one.phone, one.template, one.facts, task.trans_id, task.expire_time)
        for one in task.messages
    ]
