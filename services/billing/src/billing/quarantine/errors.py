"""How requests about quarantined callbacks are refused."""

from servicekit.rpc.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


class InvalidCallback(InvalidArgument):
    """A callback that does not fit."""

    reason = "INVALID_CALLBACK"


class QuarantineFull(ResourceExhausted):
    """Too many callbacks wait for an operator."""

    reason = "QUARANTINE_FULL"


class CallbackNotFound(NotFound):
    """No such callback."""

    reason = "CALLBACK_NOT_FOUND"


class CallbackAlreadyResolved(FailedPrecondition):
    """The callback was replayed before, and names the payment that it became."""

    reason = "CALLBACK_ALREADY_RESOLVED"
