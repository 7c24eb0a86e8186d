"""What billing and notify know of a payment, as dataclasses. A module beside both, because it is read from both."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import task_service_pb2 as task_pb
from rejesha.notify.v1 import notify_service_pb2 as notify_pb

from gateway.clients.billing import name_of, outcome, unmatched_reason


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment as it stands. `outcome`, `unmatched_reason`: the proto's names in lower case, or ""."""

    trans_id: str
    amount_cents: int
    business_short_code: str
    bill_ref_number: str
    assigned_reference: str
    first_name: str
    trans_time: str
    receive_time: datetime | None
    outcome: str
    unmatched_reason: str
    isp_id: int
    customer_id: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that billing did. `details`: a JSON object's text, or whatever the predecessor left there, or ""."""

    create_time: datetime
    category: str
    message: str
    details: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A stored callback of the payment; `conflicting` when it contradicts the first one."""

    receive_time: datetime
    conflicting: bool
    callback_body: bytes
    source_address: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Work that follows from the payment. `state`: open, done, …; `work` in words.

    While it is open either `lease_expire_time` says until when somebody has it, or `due_time` when it is tried next.
    """

    task_id: int
    kind: str
    work: str
    state: str
    attempts: int
    create_time: datetime
    due_time: datetime | None
    lease_expire_time: datetime | None
    end_time: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class PaymentTimeline:
    """A payment with all that billing knows of it, each part in its order."""

    payment: PaymentRecord
    entries: list[TimelineEntry]
    deliveries: list[Delivery]
    tasks: list[TaskRecord]


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message of notify's. `state`: queued, sent, …"""

    message_id: str
    phone: str
    template: str
    text: str
    segments: int
    state: str
    detail: str
    attempts: int
    provider_message_id: str
    create_time: datetime
    update_time: datetime
    next_attempt_time: datetime | None


def read(response: pb.GetPaymentResponse) -> PaymentTimeline:
    """Billing's answer."""
    return PaymentTimeline(
        payment=_payment(response.payment),
        entries=[
            TimelineEntry(entry.create_time.ToDatetime(tzinfo=UTC), entry.category, entry.message, entry.details_json)
            for entry in response.timeline
        ],
        deliveries=[
            Delivery(one.receive_time.ToDatetime(tzinfo=UTC), one.conflicting, one.callback_body, one.source_address)
            for one in response.deliveries
        ],
        tasks=[_task(task) for task in response.tasks],
    )


def _payment(payment: pb.PaymentRecord) -> PaymentRecord:
    return PaymentRecord(
        trans_id=payment.trans_id,
        amount_cents=payment.amount_cents,
        business_short_code=payment.business_short_code,
        bill_ref_number=payment.bill_ref_number,
        assigned_reference=payment.assigned_reference,
        first_name=payment.first_name,
        trans_time=payment.trans_time,
        receive_time=_time(payment, "receive_time"),
        outcome=outcome(payment.outcome),
        unmatched_reason=unmatched_reason(payment.unmatched_reason),
        isp_id=payment.isp_id,
        customer_id=payment.customer_id,
    )


def _task(task: task_pb.TaskRecord) -> TaskRecord:
    return TaskRecord(
        task_id=task.task_id,
        kind=task.kind,
        work=_work(task),
        state=name_of(task_pb.TaskState, "TASK_STATE_", task.state),
        attempts=task.attempts,
        create_time=task.create_time.ToDatetime(tzinfo=UTC),
        due_time=_time(task, "due_time"),
        lease_expire_time=_time(task, "lease_expire_time"),
        end_time=_time(task, "end_time"),
        last_error=task.last_error,
    )


def _work(task: task_pb.TaskRecord) -> str:
    if task.HasField("access"):
        return f"switch on {task.access.username} at router {task.access.router_id}"
    count = len(task.messages.messages)
    return f"hand over {count} message{'' if count == 1 else 's'}"


def read_message(message: notify_pb.Message) -> MessageRecord:
    """A message as notify lists it."""
    return MessageRecord(
        message_id=message.message_id,
        phone=message.phone,
        template=message.template,
        text=message.text,
        segments=message.segments,
        state=name_of(notify_pb.MessageState, "MESSAGE_STATE_", message.state),
        detail=message.detail,
        attempts=message.attempts,
        provider_message_id=message.provider_message_id,
        create_time=message.create_time.ToDatetime(tzinfo=UTC),
        update_time=message.update_time.ToDatetime(tzinfo=UTC),
        next_attempt_time=_time(message, "next_attempt_time"),
    )


def _time(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None
