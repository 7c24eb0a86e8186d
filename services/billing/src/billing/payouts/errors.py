"""What a request about payouts is refused for."""

from servicekit.rpc.errors import FailedPrecondition


class NothingToPayOut(FailedPrecondition):
    """Nothing is kept for the customer, or there is no payout to take back."""

    reason = "NOTHING_TO_PAY_OUT"
