"""Asks billing what operators and probes want to know of payments. Protobuf stops here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1 import payment_service_pb2 as pb

from gateway.clients import timeline
from gateway.clients.timeline import PaymentTimeline

if TYPE_CHECKING:
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceAsyncStub

# How long an operator's question may take, in seconds.
_QUESTION = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person: callbacks in quarantine, and payments that nobody could be credited for."""

    open_callbacks: int
    unmatched_payments: int


class Operations:
    """billing's PaymentService, as people need it. Every method raises ServiceError."""

    def __init__(self, stub: "PaymentServiceAsyncStub") -> None:
        self._stub = stub

    async def get_payment(self, trans_id: str) -> PaymentTimeline:
        """A payment and what billing knows of it."""
        request = pb.GetPaymentRequest(trans_id=trans_id)
        return timeline.read(await self._stub.GetPayment(request, timeout=_QUESTION))

    async def count_waiting(self, seconds: float) -> Waiting:
        """What waits for a person; asks no longer than so many seconds."""
        found = await self._stub.CountWaiting(pb.CountWaitingRequest(), timeout=seconds)
        return Waiting(found.open_callbacks, found.unmatched_payments)
