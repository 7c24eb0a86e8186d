"""A payment's timeline as JSON, from what billing and notify know of it. Pure."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from servicekit.money import in_shillings

from gateway.callbacks.rules import Body, timestamp
from gateway.clients.timeline import Delivery, MessageRecord, PaymentRecord, PaymentTimeline, TaskRecord, TimelineEntry

Moment = tuple[datetime, Body]


def compose(known: PaymentTimeline, messages: Sequence[MessageRecord] | None, notes: Sequence[str]) -> Body:
    """The body of GET /payments/{TransID}. `messages` is None when notify could not be asked; `notes` say so."""
    moments = [
        *_delivery_moments(known.deliveries),
        *_entry_moments(known.entries),
        *_task_moments(known.tasks),
        *message_moments(messages or ()),
    ]
    moments.sort(key=lambda moment: moment[0])  # stable: cause before consequence within a microsecond
    return {
        "payment": _payment(known.payment),
        "timeline": [{"time": timestamp(when), **event} for when, event in moments],
        "tasks": [_task(task) for task in known.tasks],
        "deliveries": [_delivery(delivery) for delivery in known.deliveries],
        "messages": None if messages is None else [message_body(message) for message in reversed(messages)],
        "notes": list(notes),
    }


def _event(source: str, event: str, message: str, details: Any = None) -> Body:
    return {"source": source, "event": event, "message": message, "details": details}


def _delivery_moments(deliveries: Iterable[Delivery]) -> Iterator[Moment]:
    for delivery in deliveries:
        sender = delivery.source_address or "an unknown address"
        event = "CONFLICTING_CALLBACK" if delivery.conflicting else "CALLBACK"
        yield delivery.receive_time, _event("mpesa", event, f"M-Pesa's callback arrived from {sender}")


def _entry_moments(entries: Iterable[TimelineEntry]) -> Iterator[Moment]:
    for entry in entries:
        yield entry.create_time, _event("billing", entry.category, entry.message, _details(entry.details))


def _task_moments(tasks: Iterable[TaskRecord]) -> Iterator[Moment]:
    for task in tasks:
        created = {"taskId": task.task_id}
        yield task.create_time, _event("task", "TASK_CREATED", f"To do: {task.work}", created)
        if task.end_time:
            sentence = f"{task.work}: {task.state.replace('_', ' ')}"
            if task.last_error and task.state != "done":
                sentence += f" ({task.last_error})"
            ended = {"taskId": task.task_id, "attempts": task.attempts}
            yield task.end_time, _event("task", f"TASK_{task.state.upper()}", sentence, ended)


def message_moments(messages: Iterable[MessageRecord]) -> Iterator[Moment]:
    """When each was accepted, and what came of it."""
    for message in messages:
        about = {"messageId": message.message_id, "template": message.template or None}
        accepted = _event("notify", "MESSAGE_ACCEPTED", f"SMS to {message.phone}: {message.text}", about)
        yield message.create_time, accepted
        if message.state != "queued":
            sentence = f"SMS to {message.phone} {message.state}" + (f": {message.detail}" if message.detail else "")
            yield message.update_time, _event("notify", f"MESSAGE_{message.state.upper()}", sentence, about)


def _payment(payment: PaymentRecord) -> Body:
    return {
        "transactionId": payment.trans_id,
        "amount": in_shillings(payment.amount_cents),
        "currency": "KES",
        "shortcode": payment.business_short_code,
        "reference": payment.bill_ref_number,
        "assignedReference": payment.assigned_reference or None,
        "firstName": payment.first_name,
        "transTime": payment.trans_time,
        "receiveTime": _time(payment.receive_time),
        "outcome": payment.outcome,
        "reason": payment.unmatched_reason or None,
        "ispId": payment.isp_id or None,
        "customerId": payment.customer_id or None,
    }


def _task(task: TaskRecord) -> Body:
    return {
        "taskId": task.task_id,
        "kind": task.kind,
        "work": task.work,
        "state": task.state,
        "attempts": task.attempts,
        "createTime": timestamp(task.create_time),
        "dueTime": _time(task.due_time),
        "leaseExpireTime": _time(task.lease_expire_time),
        "endTime": _time(task.end_time),
        "lastError": task.last_error or None,
    }


def _delivery(delivery: Delivery) -> Body:
    return {
        "receiveTime": timestamp(delivery.receive_time),
        "conflicting": delivery.conflicting,
        "sourceAddress": delivery.source_address or None,
        **_body(delivery.callback_body),
    }


def _body(raw: bytes) -> Body:
    """The bytes as text where they are text, else in base64."""
    try:
        return {"body": raw.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(raw).decode(), "encoding": "base64"}


def message_body(message: MessageRecord) -> Body:
    """All of a message."""
    return {
        "messageId": message.message_id,
        "phone": message.phone,
        "template": message.template or None,
        "text": message.text,
        "segments": message.segments,
        "state": message.state,
        "detail": message.detail or None,
        "attempts": message.attempts,
        "providerMessageId": message.provider_message_id or None,
        "createTime": timestamp(message.create_time),
        "updateTime": timestamp(message.update_time),
        "nextAttemptTime": _time(message.next_attempt_time) if message.state == "queued" else None,
    }


def _details(text: str) -> Any:
    # orjson reads nothing that it could not write again: the predecessor's rows may hold anything.
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return text


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None
