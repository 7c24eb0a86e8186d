"""Turns the protos' enum values into the words that our JSON shows."""

from typing import Any, Protocol

from rejesha.billing.v1 import payment_service_pb2, quarantine_service_pb2, task_service_pb2
from rejesha.notify.v1 import notify_service_pb2


class _Enum(Protocol):
    def Name(self, number: Any) -> str: ...  # noqa: N802


def outcome_word(outcome: int) -> str:
    """PAYMENT_OUTCOME_CUSTOMER_PAID as "customer_paid"."""
    return _word(payment_service_pb2.PaymentOutcome, "PAYMENT_OUTCOME_", outcome)


def reason_word(reason: int) -> str:
    """UNMATCHED_REASON_USER_NOT_FOUND as "user_not_found"; "" when there is none."""
    return _word(payment_service_pb2.UnmatchedReason, "UNMATCHED_REASON_", reason) if reason else ""


def quarantine_word(state: int) -> str:
    """QUARANTINE_STATE_OPEN as "open"."""
    return _word(quarantine_service_pb2.QuarantineState, "QUARANTINE_STATE_", state)


def task_word(state: int) -> str:
    """TASK_STATE_GIVEN_UP as "given_up"."""
    return _word(task_service_pb2.TaskState, "TASK_STATE_", state)


def message_word(state: int) -> str:
    """MESSAGE_STATE_SENT as "sent"."""
    return _word(notify_service_pb2.MessageState, "MESSAGE_STATE_", state)


def _word(enum: _Enum, prefix: str, number: int) -> str:
    try:
        return enum.Name(number).removeprefix(prefix).lower()
    except ValueError:  # the other side is newer than we are
        return f"number_{number}"
