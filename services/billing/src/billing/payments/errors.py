"""How requests about payments are refused."""

import grpc
from servicekit.errors import InvalidArgument, NotFound, ServiceError


class InvalidPayment(InvalidArgument):
    """A payment that no gateway should have let through."""

    reason = "INVALID_PAYMENT"


class PaymentNotFound(NotFound):
    """No payment with this TransID."""

    reason = "PAYMENT_NOT_FOUND"


class PaymentAlreadyPlaced(ServiceError):
    """The payment has an account already; its money cannot be given twice."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "PAYMENT_ALREADY_PLACED"


class AccountNotFound(ServiceError):
    """The reference leads nowhere; the payment stays held."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "ACCOUNT_NOT_FOUND"
