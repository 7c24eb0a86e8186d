"""PaymentService whole: what payers cause, and what operators do about payments that are held."""

import grpc
from rejesha.billing.v1 import payment_service_pb2 as pb

from billing.held import service
from billing.payments import assignment
from billing.payments.assignment import Target
from billing.payments.errors import InvalidPayment
from billing.payments.servicer import PaymentServicer, receipt_of, trans_id_of


class HeldPaymentServicer(PaymentServicer):
    """A module of its own: nothing here is on a payment's way."""

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

    def DismissPayment(
        self, request: pb.DismissPaymentRequest, context: grpc.ServicerContext
    ) -> pb.DismissPaymentResponse:
        dismissed_by, reason = request.dismissed_by.strip(), request.reason.strip()
        if not 1 <= len(dismissed_by) <= 100 or not 1 <= len(reason) <= 255:
            raise InvalidPayment("dismissed_by: 1 to 100 characters; reason: 1 to 255")
        receipt = service.dismiss(self._engine, trans_id_of(request.trans_id), dismissed_by, reason)
        return pb.DismissPaymentResponse(receipt=receipt_of(receipt))
