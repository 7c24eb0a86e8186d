"""How requests about payments are refused."""

from servicekit.rpc.errors import FailedPrecondition, InvalidArgument, NotFound


class InvalidPayment(InvalidArgument):
    """A payment that no gateway should have let through."""

    reason = "INVALID_PAYMENT"


class InvalidFilter(InvalidArgument):
    """What payments are looked for by cannot be."""

    reason = "INVALID_FILTER"


class PaymentNotFound(NotFound):
    """No payment with this TransID."""

    reason = "PAYMENT_NOT_FOUND"


class PaymentAlreadyPlaced(FailedPrecondition):
    """The payment has an account already; its money cannot be given twice."""

    reason = "PAYMENT_ALREADY_PLACED"


class PaymentNotPlaced(FailedPrecondition):
    """The payment is held, reversed, or the predecessor's: there is nothing to take back."""

    reason = "PAYMENT_NOT_PLACED"


class ReversalDoesNotFit(FailedPrecondition):
    """What was named as the notice of a payment's reversal is none, or is about other money."""

    reason = "REVERSAL_DOES_NOT_FIT"


class AccountNotFound(FailedPrecondition):
    """The reference leads nowhere; the payment stays held."""

    reason = "ACCOUNT_NOT_FOUND"


class AccountAmbiguous(FailedPrecondition):
    """More than one have the account; the payment stays held until somebody says which of them."""

    reason = "ACCOUNT_AMBIGUOUS"


class CustomerWithoutIsp(FailedPrecondition):
    """Nobody's wallet could get the money; the payment stays held."""

    reason = "CUSTOMER_WITHOUT_ISP"


class PackageNotSet(FailedPrecondition):
    """Full and partial cannot be told apart; the payment stays held."""

    reason = "PACKAGE_NOT_SET"
