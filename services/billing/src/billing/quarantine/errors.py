"""How requests about quarantined callbacks are refused."""

import grpc
from servicekit.errors import InvalidArgument, NotFound, ServiceError


class InvalidCallback(InvalidArgument):
    """A callback that does not fit."""

    reason = "INVALID_CALLBACK"


class QuarantineFull(ServiceError):
    """Too many callbacks wait for an operator."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "QUARANTINE_FULL"


class CallbackNotFound(NotFound):
    """No such callback."""

    reason = "CALLBACK_NOT_FOUND"


class CallbackAlreadyResolved(ServiceError):
    """The callback was replayed before, and names the payment that it became."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CALLBACK_ALREADY_RESOLVED"
