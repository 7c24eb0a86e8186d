"""PaymentService: what is asked about payments, and what operators do about those that are held.

Recording them is in payments.servicer: nothing here is on a payment's way.
"""

import grpc
from rejesha.billing.v1 import payment_service_pb2 as pb

from billing.held import entering, service, suggesting
from billing.held.rules import Candidate, is_clear
from billing.lookup import servicer as lookup
from billing.lookup.servicer import OUTCOMES, REASONS
from billing.payments import assignment, validation
from billing.payments.assignment import Target
from billing.payments.errors import InvalidPayment
from billing.payments.rules import Payment, check_batch
from billing.payments.servicer import RecordingServicer, payment_of, receipt_of, trans_id_of
from billing.reversals import service as reversals
from billing.reversals import unassigning


class PaymentServicer(RecordingServicer):
    """See the proto for what each RPC does."""

    def ValidatePayments(
        self, request: pb.ValidatePaymentsRequest, context: grpc.ServicerContext
    ) -> pb.ValidatePaymentsResponse:
        check_batch(len(request.payments))
        batch = [_asked_about(message) for message in request.payments]
        receipts = validation.validate(self._engine, self._policy, batch)
        return pb.ValidatePaymentsResponse(
            verdicts=[
                pb.PaymentVerdict(outcome=OUTCOMES[receipt.outcome], unmatched_reason=REASONS[receipt.reason])
                for receipt in receipts
            ]
        )

    def GetPayment(self, request: pb.GetPaymentRequest, context: grpc.ServicerContext) -> pb.GetPaymentResponse:
        return lookup.get_payment(self._engine, trans_id_of(request.trans_id))

    def ListPayments(self, request: pb.ListPaymentsRequest, context: grpc.ServicerContext) -> pb.ListPaymentsResponse:
        return lookup.list_payments(self._engine, request)

    def CountWaiting(self, request: pb.CountWaitingRequest, context: grpc.ServicerContext) -> pb.CountWaitingResponse:
        return lookup.count_waiting(self._engine, request)

    def AssignPayment(
        self, request: pb.AssignPaymentRequest, context: grpc.ServicerContext
    ) -> pb.AssignPaymentResponse:
        assigned_by = request.assigned_by.strip()
        if not 1 <= len(assigned_by) <= 100 or len(request.account_reference) > 100:
            raise InvalidPayment("assigned_by: 1 to 100 characters; account_reference: at most 100")
        if request.account_reference.strip() and request.customer_id:
            raise InvalidPayment("account_reference and customer_id: only one of the two")
        target = Target(request.account_reference, request.customer_id, request.isp_id)
        trans_id = trans_id_of(request.trans_id)
        receipt = assignment.assign(self._engine, self._policy, trans_id, target, assigned_by)
        return pb.AssignPaymentResponse(receipt=receipt_of(receipt))

    def EnterPayments(
        self, request: pb.EnterPaymentsRequest, context: grpc.ServicerContext
    ) -> pb.EnterPaymentsResponse:
        check_batch(len(request.payments))
        by, reason = request.entered_by.strip(), request.reason.strip()
        if not 1 <= len(by) <= 100 or not 1 <= len(reason) <= 255:
            raise InvalidPayment("entered_by: 1 to 100 characters; reason: 1 to 255")
        read = [payment_of(message) for message in request.payments]
        batch = entering.entered(self._engine, read, by, reason)
        preview = entering.preview(self._engine, self._policy, batch) if request.validate_only else None
        return pb.EnterPaymentsResponse(receipts=[receipt_of(one) for one in preview or self._record(batch)])

    def SuggestAccounts(
        self, request: pb.SuggestAccountsRequest, context: grpc.ServicerContext
    ) -> pb.SuggestAccountsResponse:
        check_batch(len(request.trans_ids), 100)
        found = suggesting.suggest(self._engine, [trans_id_of(one) for one in request.trans_ids])
        return pb.SuggestAccountsResponse(
            payments=[
                pb.PaymentSuggestions(
                    trans_id=trans_id, suggestions=[_suggested(one) for one in ranked], clear=is_clear(ranked)
                )
                for trans_id, ranked in found.items()
            ]
        )

    def DismissPayment(
        self, request: pb.DismissPaymentRequest, context: grpc.ServicerContext
    ) -> pb.DismissPaymentResponse:
        dismissed_by, reason = request.dismissed_by.strip(), request.reason.strip()
        if not 1 <= len(dismissed_by) <= 100 or not 1 <= len(reason) <= 255:
            raise InvalidPayment("dismissed_by: 1 to 100 characters; reason: 1 to 255")
        receipt = service.dismiss(self._engine, trans_id_of(request.trans_id), dismissed_by, reason)
        return pb.DismissPaymentResponse(receipt=receipt_of(receipt))

    def UnassignPayment(
        self, request: pb.UnassignPaymentRequest, context: grpc.ServicerContext
    ) -> pb.UnassignPaymentResponse:
        by, reason = request.unassigned_by.strip(), request.reason.strip()
        if not 1 <= len(by) <= 100 or not 1 <= len(reason) <= 255:
            raise InvalidPayment("unassigned_by: 1 to 100 characters; reason: 1 to 255")
        done = unassigning.unassign(self._engine, self._policy, trans_id_of(request.trans_id), by, reason)
        return pb.UnassignPaymentResponse(receipt=receipt_of(done.receipt), notes=done.notes)

    def ReversePayment(
        self, request: pb.ReversePaymentRequest, context: grpc.ServicerContext
    ) -> pb.ReversePaymentResponse:
        by, reason = request.reversed_by.strip(), request.reason.strip()
        if not 1 <= len(by) <= 100 or not 1 <= len(reason) <= 255:
            raise InvalidPayment("reversed_by: 1 to 100 characters; reason: 1 to 255")
        trans_id, notice = trans_id_of(request.trans_id), trans_id_of(request.notice_trans_id)
        done = reversals.reverse(self._engine, self._policy, trans_id, by, reason, notice)
        return pb.ReversePaymentResponse(receipt=receipt_of(done.receipt), notes=done.notes)


def _asked_about(message: pb.Payment) -> Payment:
    return Payment(
        trans_id="",
        amount_cents=message.amount_cents,
        business_short_code=message.business_short_code[:50],
        bill_ref_number=message.bill_ref_number[:100],
    )


def _suggested(one: Candidate) -> pb.SuggestedAccount:
    return pb.SuggestedAccount(
        account_reference=one.account,
        customer_id=one.customer.customer_id if one.customer else 0,
        isp_id=one.isp_id or 0,
        name=one.name,
        reasons=one.reasons,
    )
