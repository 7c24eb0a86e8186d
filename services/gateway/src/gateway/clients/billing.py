"""Asks billing about payments: requests and answers as dataclasses. Protobuf stops here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine_pb
from servicekit.moments import to_timestamp

from gateway.callbacks.parsing import MAX_BODY_BYTES, Payment, RawCallback
from gateway.clients import timeline
from gateway.clients.enums import name_of, outcome, unmatched_reason
from gateway.clients.timeline import PaymentTimeline

if TYPE_CHECKING:
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceAsyncStub
    from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceAsyncStub

# The outcome of a payment that billing did not record, because another transaction holds a row that it needs.
DEFERRED = "deferred"
# The reason when the quarantine has no room; billing itself is well.
QUARANTINE_FULL = "QUARANTINE_FULL"

# How long an operator's question may take, in seconds.
_QUESTION = 5.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a payment. `outcome` and `reason` are the proto's names in lower case; reason may be ""."""

    trans_id: str
    outcome: str
    reason: str
    repeated: bool
    isp_id: int
    customer_id: int


@dataclass(frozen=True, slots=True)
class ValidationVerdict:
    """What would become of a payment."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuarantinedCallback:
    """A callback in quarantine. `state`: open, replayed or dismissed."""

    callback_body: bytes
    source_address: str
    state: str
    trans_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person: callbacks in quarantine, and payments that nobody could be credited for."""

    open_callbacks: int
    unmatched_payments: int


class Billing:
    """billing's PaymentService and QuarantineService. Every method raises ServiceError."""

    def __init__(
        self,
        stub: "PaymentServiceAsyncStub",
        quarantine: "QuarantineServiceAsyncStub",
        *,
        intake_deadline: float,
        validation_deadline: float,
    ) -> None:
        self._stub = stub
        self._quarantine = quarantine
        self._intake_deadline = intake_deadline
        self._validation_deadline = validation_deadline

    async def record(self, payments: Sequence[Payment]) -> list[Receipt]:
        """Store, route and apply payments; durable when this returns. At most 500."""
        request = pb.RecordPaymentsRequest(payments=[_payment(payment) for payment in payments])
        # Waiting for the connection lets a restart of billing pass without losing a callback.
        call = self._stub.RecordPayments(request, timeout=self._intake_deadline, wait_for_ready=True)
        return [_receipt(receipt) for receipt in (await call).receipts]

    async def validate(self, payments: Sequence[Payment]) -> list[ValidationVerdict]:
        """What would become of payments; stores nothing. At most 500."""
        request = pb.ValidatePaymentsRequest(payments=[_payment(payment) for payment in payments])
        response = await self._stub.ValidatePayments(request, timeout=self._validation_deadline)
        return [
            ValidationVerdict(outcome(verdict.outcome), unmatched_reason(verdict.unmatched_reason))
            for verdict in response.verdicts
        ]

    async def quarantine(self, callback: RawCallback) -> int:
        """Keep a body that cannot become a payment; its id. Durable when this returns."""
        return (await self.quarantine_all([callback]))[0]

    async def quarantine_all(self, callbacks: Sequence[RawCallback]) -> list[int]:
        """Keep bodies that cannot become payments, at most 50; their ids. Durable when this returns, however often."""
        request = quarantine_pb.QuarantineCallbacksRequest(callbacks=[_quarantined(callback) for callback in callbacks])
        call = self._quarantine.QuarantineCallbacks(request, timeout=self._intake_deadline, wait_for_ready=True)
        return list((await call).callback_ids)

    async def get_payment(self, trans_id: str) -> PaymentTimeline:
        """A payment and what billing knows of it."""
        request = pb.GetPaymentRequest(trans_id=trans_id)
        return timeline.read(await self._stub.GetPayment(request, timeout=_QUESTION))

    async def get_quarantined_callback(self, callback_id: int) -> QuarantinedCallback:
        """A callback in quarantine."""
        request = quarantine_pb.GetQuarantinedCallbackRequest(callback_id=callback_id)
        found = (await self._quarantine.GetQuarantinedCallback(request, timeout=_QUESTION)).callback
        state = name_of(quarantine_pb.QuarantineState, "QUARANTINE_STATE_", found.state)
        return QuarantinedCallback(found.callback_body, found.source_address, state, found.trans_id)

    async def count_waiting(self, seconds: float) -> Waiting:
        """What waits for a person; asks no longer than so many seconds."""
        found = await self._stub.CountWaiting(pb.CountWaitingRequest(), timeout=seconds)
        return Waiting(found.open_callbacks, found.unmatched_payments)

    async def resolve(self, callback_id: int, trans_id: str, note: str) -> None:
        """Close a quarantined callback: it became the payment `trans_id`."""
        request = quarantine_pb.ResolveQuarantinedCallbackRequest(
            callback_id=callback_id, trans_id=trans_id, note=note[:255]
        )
        await self._quarantine.ResolveQuarantinedCallback(request, timeout=_QUESTION)


def _payment(payment: Payment) -> pb.Payment:
    return pb.Payment(
        trans_id=payment.trans_id,
        transaction_type=payment.transaction_type,
        trans_time=payment.trans_time,
        amount_cents=payment.amount_cents,
        business_short_code=payment.business_short_code,
        bill_ref_number=payment.bill_ref_number,
        invoice_number=payment.invoice_number,
        org_account_balance_cents=payment.org_account_balance_cents,
        third_party_trans_id=payment.third_party_trans_id,
        msisdn=payment.msisdn,
        first_name=payment.first_name,
        callback_body=payment.callback_body,
        source_address=payment.source_address,
        receive_time=to_timestamp(payment.receive_time),
    )


def _quarantined(callback: RawCallback) -> quarantine_pb.QuarantinedCallback:
    return quarantine_pb.QuarantinedCallback(
        callback_body=callback.body[:MAX_BODY_BYTES],
        truncated=callback.truncated,
        fault=callback.fault[:255],
        source_address=callback.source_address,
        idempotency_key=callback.key,
    )


def _receipt(receipt: pb.PaymentReceipt) -> Receipt:
    return Receipt(
        trans_id=receipt.trans_id,
        outcome=outcome(receipt.outcome),
        reason=unmatched_reason(receipt.unmatched_reason),
        repeated=receipt.repeated,
        isp_id=receipt.isp_id,
        customer_id=receipt.customer_id,
    )
