"""Composes a payment's story from what billing and notify know. Pure."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from rejesha.billing.v1 import payment_service_pb2, task_service_pb2
from rejesha.notify.v1 import notify_service_pb2

from gateway.callbacks.amounts import in_shillings
from gateway.callbacks.answers import timestamp
from gateway.clients.words import message_word, outcome_word, reason_word, task_word

Json = dict[str, Any]
Message = notify_service_pb2.Message
Messages = tuple[Sequence[Message] | None, list[str]]
Moment = tuple[datetime, Json]


def compose(
    story: payment_service_pb2.GetPaymentResponse, messages: Sequence[Message] | None, notes: Sequence[str]
) -> Json:
    """The body of GET /payments/{TransID}. `messages` is None when notify could not be asked; `notes` say so."""
    moments = [
        *_deliveries(story.deliveries),
        *_entries(story.timeline),
        *_task_moments(story.tasks),
        *_message_moments(messages or ()),
    ]
    moments.sort(key=lambda moment: moment[0])  # stable: cause before consequence within a microsecond
    return {
        "payment": _payment(story.payment),
        "timeline": [{"time": timestamp(when), **event} for when, event in moments],
        "tasks": [_task(task) for task in story.tasks],
        "deliveries": [_delivery(delivery) for delivery in story.deliveries],
        "messages": None if messages is None else [_message(message) for message in reversed(messages)],
        "notes": list(notes),
    }


def _event(source: str, event: str, message: str, details: Any = None) -> Json:
    return {"source": source, "event": event, "message": message, "details": details}


def _deliveries(deliveries: Iterable[payment_service_pb2.PaymentDelivery]) -> Iterator[Moment]:
    for delivery in deliveries:
        sender = delivery.source_address or "an unknown address"
        what = "CONFLICTING_CALLBACK" if delivery.conflicting else "CALLBACK"
        yield _moment(delivery.receive_time), _event("mpesa", what, f"M-Pesa's callback arrived from {sender}")


def _entries(entries: Iterable[payment_service_pb2.TimelineEntry]) -> Iterator[Moment]:
    for entry in entries:
        yield _moment(entry.create_time), _event("billing", entry.category, entry.message, _details(entry.details_json))


def _task_moments(tasks: Iterable[task_service_pb2.TaskRecord]) -> Iterator[Moment]:
    for task in tasks:
        about = {"taskId": task.task_id, "attempts": task.fencing_token}
        yield _moment(task.create_time), _event("task", "TASK_CREATED", f"To do: {_work(task)}", about)
        if task.HasField("end_time"):
            state = task_word(task.state)
            sentence = f"{_work(task)}: {state.replace('_', ' ')}"
            if task.last_error and state != "done":
                sentence += f" ({task.last_error})"
            yield _moment(task.end_time), _event("task", f"TASK_{state.upper()}", sentence, about)


def _message_moments(messages: Iterable[Message]) -> Iterator[Moment]:
    for message in messages:
        about = {"messageId": message.message_id, "template": message.template or None}
        accepted = _event("notify", "MESSAGE_ACCEPTED", f"SMS to {message.phone}: {message.text}", about)
        yield _moment(message.create_time), accepted
        if message.state != notify_service_pb2.MESSAGE_STATE_QUEUED:
            state = message_word(message.state)
            sentence = f"SMS to {message.phone} {state}" + (f": {message.detail}" if message.detail else "")
            yield _moment(message.update_time), _event("notify", f"MESSAGE_{state.upper()}", sentence, about)


def _payment(payment: payment_service_pb2.PaymentRecord) -> Json:
    return {
        "transactionId": payment.trans_id,
        "amount": in_shillings(payment.amount_cents),
        "currency": "KES",
        "shortcode": payment.business_short_code,
        "reference": payment.bill_ref_number,
        "assignedReference": payment.assigned_reference or None,
        "firstName": payment.first_name,
        "transTime": payment.trans_time,
        "receivedAt": _time(payment, "receive_time"),
        "outcome": outcome_word(payment.outcome),
        "reason": reason_word(payment.unmatched_reason) or None,
        "ispId": payment.isp_id or None,
        "customerId": payment.customer_id or None,
    }


def _task(task: task_service_pb2.TaskRecord) -> Json:
    is_open = task.state == task_service_pb2.TASK_STATE_OPEN
    return {
        "taskId": task.task_id,
        "kind": task.kind,
        "work": _work(task),
        "state": task_word(task.state),
        "attempts": task.fencing_token,
        "createdAt": _time(task, "create_time"),
        "dueTime": _time(task, "due_time") if is_open else None,
        "endedAt": _time(task, "end_time"),
        "lastError": task.last_error or None,
    }


def _work(task: task_service_pb2.TaskRecord) -> str:
    if task.HasField("access"):
        access = task.access
        return f"switch on {access.username} at router {access.router_id}"
    count = len(task.messages.messages)
    return f"hand over {count} message{'' if count == 1 else 's'}"


def _delivery(delivery: payment_service_pb2.PaymentDelivery) -> Json:
    return {
        "receivedAt": _time(delivery, "receive_time"),
        "conflicting": delivery.conflicting,
        "sourceAddress": delivery.source_address or None,
        **_body(delivery.callback_body),
    }


def _body(raw: bytes) -> Json:
    """The bytes as text where they are text, else in base64."""
    try:
        return {"body": raw.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(raw).decode(), "encoding": "base64"}


def _message(message: Message) -> Json:
    queued = message.state == notify_service_pb2.MESSAGE_STATE_QUEUED
    return {
        "messageId": message.message_id,
        "phone": message.phone,
        "template": message.template or None,
        "text": message.text,
        "segments": message.segments,
        "state": message_word(message.state),
        "detail": message.detail or None,
        "attempts": message.attempts,
        "providerMessageId": message.provider_message_id or None,
        "createdAt": _time(message, "create_time"),
        "updatedAt": _time(message, "update_time"),
        "nextAttemptAt": _time(message, "next_attempt_time") if queued else None,
    }


def _details(text: str) -> Any:
    # orjson reads nothing that it could not write again: the predecessor's rows may hold anything.
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return text


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _time(message: Any, field: str) -> str | None:
    return timestamp(_moment(getattr(message, field))) if message.HasField(field) else None
