"""Maps gRPC's own errors to ours; they stop here."""

from collections.abc import Callable

import grpc
from servicekit.rpc.errors import reason_of

from gateway.errors import Broken, CallFailed, Locked, NotFound, Refused, TimedOut, Unavailable

_KINDS: dict[grpc.StatusCode, Callable[[str, str, str], CallFailed]] = {
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
    grpc.StatusCode.INVALID_ARGUMENT: Refused,
    grpc.StatusCode.NOT_FOUND: NotFound,
}


def from_rpc(service: str, error: grpc.aio.AioRpcError) -> CallFailed:
    """The error of a failed call to `service`."""
    reason = reason_of(error)
    kind = Locked if reason == "ROW_LOCKED" else _KINDS.get(error.code(), Broken)
    return kind(service, reason, error.details() or "")
