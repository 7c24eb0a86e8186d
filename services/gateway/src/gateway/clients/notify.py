"""Hands messages to notify, and lists them. Protobuf stops here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rejesha.notify.v1 import notify_service_pb2 as pb

from gateway.clients.timeline import MessageRecord, read_message
from servicekit import tracing

if TYPE_CHECKING:
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub

MAX_MESSAGES = 1000
MAX_LISTED = 500
# How long an operator's question may take, in seconds.
_LIST_DEADLINE = 3.0


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be written from a template; `subject`: the TransID it is about, or ""; not to be sent after
    `expire_time`.
    """

    message_id: str
    phone: str
    template: str
    facts: Mapping[str, str]
    subject: str = ""
    expire_time: datetime | None = None


class Notify:
    """`deadline`: of `send`, in seconds."""

    def __init__(self, stub: "NotifyServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        """Hand over 1 to MAX_MESSAGES messages; when it returns, notify has them for good. Raises ServiceError."""
        # A customer's bad number must not keep the others from their messages, and must be seen.
        request = pb.SendMessagesRequest(messages=map(_outgoing, messages), keep_invalid=True)
        with tracing.span("send_messages", trans_ids=[message.subject for message in messages]):
            await self._stub.SendMessages(request, timeout=self._deadline)

    async def list_messages(self, subject: str = "", phone: str = "") -> tuple[list[MessageRecord], bool]:
        """The MAX_LISTED newest messages about a subject, or to a number, newest first; whether there are more.

        Raises ServiceError.
        """
        request = pb.ListMessagesRequest(subject=subject, phone=phone, page_size=MAX_LISTED)
        response = await self._stub.ListMessages(request, timeout=_LIST_DEADLINE)
        return [read_message(message) for message in response.messages], bool(response.next_page_token)


def _outgoing(message: OutgoingMessage) -> pb.OutgoingMessage:
    return pb.OutgoingMessage(
        message_id=message.message_id,
        phone=message.phone,
        template=pb.Template(name=message.template, facts=message.facts),
        subject=message.subject,
        expire_time=message.expire_time,
    )
