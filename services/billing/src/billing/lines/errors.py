"""What requests about lines are refused for."""

from servicekit.rpc.errors import FailedPrecondition, InvalidArgument


class InvalidLineChange(InvalidArgument):
    """The request breaks the contract: who, why, or for how long."""

    reason = "INVALID_LINE_CHANGE"


class LineClosed(FailedPrecondition):
    """The account is closed: it is reopened first."""

    reason = "LINE_CLOSED"


class NothingToExtend(FailedPrecondition):
    """The customer has no due date that could be moved."""

    reason = "NOTHING_TO_EXTEND"
