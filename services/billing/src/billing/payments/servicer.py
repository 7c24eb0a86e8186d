"""PaymentService."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import grpc
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import payment_service_pb2_grpc
from servicekit.money import MAX_AMOUNT_CENTS
from sqlalchemy import Engine

from billing import metrics
from billing.locking.service import HeldRows
from billing.lookup.servicer import OUTCOMES, REASONS
from billing.payments import service
from billing.payments.errors import InvalidPayment
from billing.payments.rules import Payment, Receipt, check_batch
from billing.policy import Policy
from billing.precedence import Precedence
from billing.quarantine.rules import MAX_BODY_BYTES

MAX_BALANCE_CENTS = 9_999_999_999_999_999
# A gateway's clock that says less has lost its time, and so has one that says more.
_FIRST_MOMENT, _LAST_MOMENT = datetime(2020, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


class RecordingServicer(payment_service_pb2_grpc.PaymentServiceServicer):
    """RecordPayments, which is on every payment's way; billing.held.servicer has the other RPCs."""

    def __init__(self, engine: Engine, policy: Policy, precedence: Precedence) -> None:
        self._engine = engine
        self._policy = policy
        self._precedence = precedence
        self._held_rows = HeldRows(engine)

    def RecordPayments(
        self, request: pb.RecordPaymentsRequest, context: grpc.ServicerContext
    ) -> pb.RecordPaymentsResponse:
        check_batch(len(request.payments))
        receipts = self._record([payment_of(message) for message in request.payments])
        return pb.RecordPaymentsResponse(receipts=[receipt_of(receipt) for receipt in receipts])

    def _record(self, batch: Sequence[Payment]) -> list[Receipt]:
        with self._precedence.recording(len(batch)):
            receipts = service.record(self._engine, self._policy, batch, self._held_rows)
        _measure(batch, receipts)
        return receipts


def _measure(batch: Sequence[Payment], receipts: Sequence[Receipt]) -> None:
    metrics.BATCHES.observe(len(batch))
    cents: Counter[str] = Counter()
    for payment, receipt in zip(batch, receipts, strict=True):
        metrics.DELIVERIES.labels(receipt.outcome, receipt.reason or "", str(receipt.repeated).lower()).inc()
        if not receipt.repeated:
            cents[receipt.outcome] += payment.amount_cents
    for outcome, amount in cents.items():
        metrics.AMOUNTS.labels(outcome).inc(amount / 100)


def trans_id_of(text: str) -> str:
    """A TransID as a request spells it, as it is stored."""
    # Longer than any that is stored, but not without end: it comes back in the error's text.
    return text.strip().upper()[:100]


def checked_trans_id(text: str) -> str:
    trans_id = trans_id_of(text)
    if not (1 <= len(trans_id) <= 50 and trans_id.isascii() and trans_id.isalnum()):
        raise InvalidPayment("trans_id: 1 to 50 letters and digits")
    return trans_id


def payment_of(message: pb.Payment) -> Payment:
    """The payment of a request. Raises InvalidPayment."""
    trans_id = checked_trans_id(message.trans_id)
    if not 1 <= message.amount_cents <= MAX_AMOUNT_CENTS:
        raise InvalidPayment(f"amount_cents: 1 to {MAX_AMOUNT_CENTS}")
    return Payment(
        trans_id=trans_id,
        amount_cents=message.amount_cents,
        business_short_code=message.business_short_code[:50],
        bill_ref_number=message.bill_ref_number[:100],
        transaction_type=message.transaction_type[:50],
        trans_time=message.trans_time[:50],
        invoice_number=message.invoice_number[:100],
        org_account_balance_cents=_balance(message),
        third_party_trans_id=message.third_party_trans_id[:100],
        msisdn=message.msisdn[:100],
        first_name=message.first_name[:100],
        callback_body=message.callback_body[:MAX_BODY_BYTES],
        source_address=message.source_address[:64],
        receive_time=_receive_time(message),
    )


def _receive_time(message: pb.Payment) -> datetime | None:
    """Nothing where the time cannot be right: the payment must not wait for that."""
    try:
        moment = message.receive_time.ToDatetime(tzinfo=UTC)
    except ValueError:
        return None
    return moment if _FIRST_MOMENT <= moment < _LAST_MOMENT else None


def _balance(message: pb.Payment) -> int | None:
    """For information only, so what does not fit its column must not stop the payment; it is in the raw body."""
    cents = message.org_account_balance_cents if message.HasField("org_account_balance_cents") else None
    return cents if cents is not None and abs(cents) <= MAX_BALANCE_CENTS else None


def receipt_of(receipt: Receipt) -> pb.PaymentReceipt:
    """A receipt as the contract has it."""
    return pb.PaymentReceipt(
        trans_id=receipt.trans_id,
        outcome=OUTCOMES[receipt.outcome],
        unmatched_reason=REASONS[receipt.reason],
        repeated=receipt.repeated,
        isp_id=receipt.isp_id or 0,
        customer_id=receipt.customer_id or 0,
    )
