"""Leases billing's tasks of messages. Protobuf stops here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rejesha.billing.v1 import task_service_pb2 as pb

from gateway.clients.tasks import Leased, Task, Tasks


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a task; `message_id` is unique for ever."""

    message_id: str
    phone: str
    template: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MessageTask(Task):
    """Messages which must not be sent after `expire_time`."""

    expire_time: datetime | None
    messages: Sequence[Message]


class MessageTasks(Tasks):
    """Tasks of which messages can be leased."""

    async def lease_messages(self, max_tasks: int, _busy_routers: Collection[int] = ()) -> Leased[MessageTask]:
        """Due messages. Raises ServiceError."""
        lease_end, response = await self._lease(pb.TASK_KIND_SEND_MESSAGES, max_tasks)
        return Leased([_message_task(task, lease_end) for task in response.tasks], response.busy)


def _message_task(task: pb.Task, lease_end: float) -> MessageTask:
    return MessageTask(
        task.task_id,
        task.fencing_token,
        lease_end,
        task.trans_id,
        task.expire_time.ToDatetime(tzinfo=UTC) if task.HasField("expire_time") else None,
        [Message(one.message_id, one.phone, one.template, one.facts) for one in task.messages.messages],
    )
