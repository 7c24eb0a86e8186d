"""Asks billing what would become of payments. Protobuf stops here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1 import payment_service_pb2 as pb

from gateway.callbacks.parsing import Payment
from gateway.clients.billing import message_of, outcome, unmatched_reason

if TYPE_CHECKING:
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceAsyncStub


@dataclass(frozen=True, slots=True)
class ValidationVerdict:
    """What would become of a payment."""

    outcome: str
    reason: str


class Validation:
    """billing's PaymentService, as validations need it. `deadline`: of a call, in seconds."""

    def __init__(self, stub: "PaymentServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def validate(self, payments: Sequence[Payment]) -> list[ValidationVerdict]:
        """What would become of payments; stores nothing. At most 500. Raises ServiceError."""
        request = pb.ValidatePaymentsRequest(payments=[message_of(payment) for payment in payments])
        response = await self._stub.ValidatePayments(request, timeout=self._deadline)
        return [
            ValidationVerdict(outcome(verdict.outcome), unmatched_reason(verdict.unmatched_reason))
            for verdict in response.verdicts
        ]
