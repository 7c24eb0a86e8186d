"""Hands payments over to billing: requests and answers as dataclasses. Protobuf stops here."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from rejesha.billing.v1 import payment_service_pb2 as pb

from gateway.callbacks.parsing import Payment
from servicekit import tracing

if TYPE_CHECKING:
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceAsyncStub

# The outcome of a payment that billing did not record, because another transaction holds a row that it needs.
DEFERRED = "deferred"
# They are named alike in the proto.
_FIELDS = [field.name for field in fields(Payment)]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a payment. `outcome` and `reason` are the proto's names in lower case; reason may be ""."""

    trans_id: str
    outcome: str
    reason: str
    repeated: bool
    isp_id: int
    customer_id: int


class Billing:
    """billing's PaymentService, as confirmations need it. `deadline`: of a call, in seconds."""

    def __init__(self, stub: "PaymentServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def record(self, payments: Sequence[Payment]) -> list[Receipt]:
        """Store, route and apply payments; durable when this returns. At most 500. Raises ServiceError."""
        request = pb.RecordPaymentsRequest(payments=[message_of(payment) for payment in payments])
        with tracing.span("record_payments", trans_ids=[payment.trans_id for payment in payments]):
            # Waiting for the connection lets a restart of billing pass without losing a callback.
            answer = await self._stub.RecordPayments(request, timeout=self._deadline, wait_for_ready=True)
        return [_receipt(receipt) for receipt in answer.receipts]


def message_of(payment: Payment) -> pb.Payment:
    """A payment for the wire."""
    # What is None stays unset.
    return pb.Payment(**{name: getattr(payment, name) for name in _FIELDS})


def _receipt(receipt: pb.PaymentReceipt) -> Receipt:
    return Receipt(
        trans_id=receipt.trans_id,
        outcome=outcome(receipt.outcome),
        reason=unmatched_reason(receipt.unmatched_reason),
        repeated=receipt.repeated,
        isp_id=receipt.isp_id,
        customer_id=receipt.customer_id,
    )


def name_of(enum: Any, prefix: str, number: int) -> str:
    """Of an enum of protobuf: PAYMENT_OUTCOME_CUSTOMER_PAID with the prefix PAYMENT_OUTCOME_ as "customer_paid"."""
    try:
        return str(enum.Name(number)).removeprefix(prefix).lower()
    except ValueError:  # the other side is newer than we are
        return f"number_{number}"


def outcome(number: int) -> str:
    """PAYMENT_OUTCOME_CUSTOMER_PAID as "customer_paid"."""
    return name_of(pb.PaymentOutcome, "PAYMENT_OUTCOME_", number)


def unmatched_reason(number: int) -> str:
    """UNMATCHED_REASON_USER_NOT_FOUND as "user_not_found"; "" when there is none."""
    return name_of(pb.UnmatchedReason, "UNMATCHED_REASON_", number) if number else ""
