"""Names of the protos' enum values, as our own code and JSON use them."""

from typing import Any, Protocol

from rejesha.billing.v1 import payment_service_pb2 as pb


class _Enum(Protocol):
    def Name(self, number: Any) -> str: ...  # noqa: N802


def name_of(enum: _Enum, prefix: str, number: int) -> str:
    """PAYMENT_OUTCOME_CUSTOMER_PAID with the prefix PAYMENT_OUTCOME_ as "customer_paid"."""
    try:
        return enum.Name(number).removeprefix(prefix).lower()
    except ValueError:  # the other side is newer than we are
        return f"number_{number}"


def outcome(number: int) -> str:
    """PAYMENT_OUTCOME_CUSTOMER_PAID as "customer_paid"."""
    return name_of(pb.PaymentOutcome, "PAYMENT_OUTCOME_", number)


def unmatched_reason(number: int) -> str:
    """UNMATCHED_REASON_USER_NOT_FOUND as "user_not_found"; "" when there is none."""
    return name_of(pb.UnmatchedReason, "UNMATCHED_REASON_", number) if number else ""
