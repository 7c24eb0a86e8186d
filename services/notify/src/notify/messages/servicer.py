"""The gRPC face of notify: requests to use cases, rows to messages. Protobuf stops here."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import sqlalchemy as sa
from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.retention import InvalidRetention

from notify.lookup import service as lookup
from notify.messages import service
from notify.messages.rules import Draft, MessageState
from notify.messages.store import Message
from notify.messages.templates import FACTS, TEMPLATES, Template
from servicekit import segments

_STATES = {state: pb.MessageState.Value(f"MESSAGE_STATE_{state}") for state in MessageState}


class NotifyServicer(pb_grpc.NotifyServiceServicer):
    """See the proto for what each RPC does. `wake` is called when there are new messages to send."""

    def __init__(self, engine: sa.Engine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake

    def SendMessages(self, request: pb.SendMessagesRequest, context: grpc.ServicerContext) -> pb.SendMessagesResponse:
        drafts = [_draft(message) for message in request.messages]
        receipts = service.accept(self._engine, self._wake, drafts, keep_invalid=request.keep_invalid)
        return pb.SendMessagesResponse(receipts=map(_receipt, receipts))

    def GetMessage(self, request: pb.GetMessageRequest, context: grpc.ServicerContext) -> pb.GetMessageResponse:
        return pb.GetMessageResponse(message=_message(service.get(self._engine, request.message_id)))

    def ListMessages(self, request: pb.ListMessagesRequest, context: grpc.ServicerContext) -> pb.ListMessagesResponse:
        page = lookup.list_page(
            self._engine,
            subject=request.subject,
            phone=request.phone,
            state=_state_name(request.state),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListMessagesResponse(messages=map(_message, page.messages), next_page_token=page.next_token)

    def CountMessages(
        self, request: pb.CountMessagesRequest, context: grpc.ServicerContext
    ) -> pb.CountMessagesResponse:
        since = request.ended_since.ToDatetime(tzinfo=UTC) if request.HasField("ended_since") else None
        counts = lookup.count(self._engine, since)
        return pb.CountMessagesResponse(
            counts=[pb.MessageCount(state=_STATES[one.state], count=one.count, oldest_time=one.since) for one in counts]
        )

    def PurgeMessages(
        self, request: pb.PurgeMessagesRequest, context: grpc.ServicerContext
    ) -> pb.PurgeMessagesResponse:
        if not request.HasField("before"):
            raise InvalidRetention("before: must be named")
        before = request.before.ToDatetime(tzinfo=UTC)
        bite = lookup.purge(self._engine, before, request.page_token, request.max_rows)
        return pb.PurgeMessagesResponse(deleted=bite.deleted, next_page_token=str(bite.last_id or ""))

    def EraseMessages(
        self, request: pb.EraseMessagesRequest, context: grpc.ServicerContext
    ) -> pb.EraseMessagesResponse:
        return pb.EraseMessagesResponse(deleted=lookup.erase(self._engine, request.subjects, request.phone))

    def ListTemplates(
        self, request: pb.ListTemplatesRequest, context: grpc.ServicerContext
    ) -> pb.ListTemplatesResponse:
        return pb.ListTemplatesResponse(templates=itertools.starmap(_template, sorted(TEMPLATES.items())))


def _draft(message: pb.OutgoingMessage) -> Draft:
    expire_time, fault = _expire_time(message)
    return Draft(
        message_id=message.message_id,
        phone=message.phone,
        text=message.text if message.HasField("text") else None,
        template=message.template.name,
        facts=message.template.facts,
        subject=message.subject,
        expire_time=expire_time,
        expire_time_fault=fault,
    )


def _expire_time(message: pb.OutgoingMessage) -> tuple[datetime | None, str]:
    if not message.HasField("expire_time"):
        return None, ""
    try:
        return message.expire_time.ToDatetime(tzinfo=UTC), ""
    except ValueError:
        return None, "not a moment between the years 1 and 9999"


def _state_name(state: int) -> str:
    """The stored name of a state; empty for UNSPECIFIED. A state of a newer contract is its number: nothing has it."""
    return next((name for name, value in _STATES.items() if value == state), str(state) if state else "")


def _template(name: str, template: Template) -> pb.TemplateDescription:
    facts = [(fact, FACTS[fact]) for fact in sorted(template.facts)]
    return pb.TemplateDescription(
        name=name,
        description=template.description,
        facts=[pb.TemplateFact(name=key, description=fact.description, sample=fact.sample) for key, fact in facts],
        sample_text=template.sample,
        sample_segments=segments.count(template.sample),
        sent_again_when_unknown=template.resend,
    )


def _receipt(receipt: service.Receipt) -> pb.MessageReceipt:
    return pb.MessageReceipt(
        message_id=receipt.message_id,
        state=_STATES[receipt.state],
        detail=receipt.detail,
        repeated=receipt.repeated,
    )


def _message(message: Message) -> pb.Message:
    return pb.Message(
        message_id=message.message_id,
        phone=message.phone,
        text=message.text,
        segments=message.segments,
        subject=message.subject,
        state=_STATES[message.state],
        detail=message.detail,
        provider_message_id=message.provider_message_id,
        attempts=message.attempts,
        create_time=message.create_time,
        update_time=message.update_time,
        next_attempt_time=message.due_time,
        template=message.template,
    )
