"""How requests about quarantined callbacks are refused."""

import grpc
from servicekit.errors import NotFound, ServiceError


class QuarantineFull(ServiceError):
    """Too many callbacks wait for an operator."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "QUARANTINE_FULL"


class CallbackNotFound(NotFound):
    """No such callback."""

    reason = "CALLBACK_NOT_FOUND"
