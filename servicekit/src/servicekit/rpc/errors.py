"""The one tree of errors that cross gRPC: in one process raised, in the other raised again as the same class.

A kind stands for one gRPC status; a service's own errors are small subclasses of a kind that set `reason`. The server
turns them into a status with a google.rpc.ErrorInfo, the client's channel turns that back. Nobody outside
servicekit.rpc needs to know gRPC's statuses.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "rejesha"


class ServiceError(Exception):
    """An error with a meaning for the caller. Its text is shown to the caller: no secrets in it.

    `reason`: UPPER_SNAKE, for machines. `service`: who said it; empty in the process that raised it.
    """

    status = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"
    service = ""

    def __init__(self, text: str = "", *, reason: str = "", service: str = "") -> None:
        super().__init__(text)
        if reason:
            self.reason = reason
        if service:
            self.service = service

    @property
    def told(self) -> str:
        """The reason with the text, for people."""
        return f"{self.reason}: {self}" if str(self) else self.reason


class InvalidArgument(ServiceError):
    """The request breaks the contract; nothing of it was done, and sending it again will not help."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class NotFound(ServiceError):
    """What the request names does not exist."""

    status = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(ServiceError):
    """What the request would create is there already, or has its name."""

    status = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class FailedPrecondition(ServiceError):
    """The request is well formed, and what is on record does not allow it."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class PermissionDenied(ServiceError):
    """We know who calls, and that one may not do this."""

    status = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class Unauthenticated(ServiceError):
    """Nobody knows who calls."""

    status = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class ResourceExhausted(ServiceError):
    """There is no room for more right now, or in a message. Nothing was done."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class Unavailable(ServiceError):
    """The service, or what it needs, is away. Something or nothing was done; repeat it if the RPC may be repeated.

    With the reason "UNAVAILABLE" nobody answered; any other was said by the service itself.
    """

    status = grpc.StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"


class DeadlineExceeded(ServiceError):
    """There was no answer in time. Something or nothing was done."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class Cancelled(ServiceError):
    """The caller does not wait any more. Something or nothing was done."""

    status = grpc.StatusCode.CANCELLED
    reason = "CANCELLED"


class Unimplemented(ServiceError):
    """Whoever answers does not know this RPC: another service, or an older one."""

    status = grpc.StatusCode.UNIMPLEMENTED
    reason = "UNIMPLEMENTED"


class Internal(ServiceError):
    """The service has a fault of its own, which stands in its log. Something or nothing was done."""


class BatchTooLarge(InvalidArgument):
    """A repeated field is empty or longer than the contract allows."""

    reason = "BATCH_TOO_LARGE"


class InvalidPageToken(InvalidArgument):
    """A page token that no earlier answer gave."""

    reason = "INVALID_PAGE_TOKEN"


class DatabaseUnavailable(Unavailable):
    """The database did not answer; whether the work was committed is not known. Repeat the request."""

    reason = "DATABASE_UNAVAILABLE"


class DatabaseRefuses(Unavailable):
    """The database answers, and refuses what it is asked for until somebody mends it: a password, a right, a table.

    The text has the server's number, and its words where they name no row's value. Nothing was done.
    """

    reason = "DATABASE_REFUSES"


class CallerUnknown(Unauthenticated):
    """The caller's certificate is of our authority, and names nobody of ours."""

    reason = "CALLER_UNKNOWN"


class CallNotPermitted(PermissionDenied):
    """The caller's role may not call this method, nor does its certificate name it."""

    reason = "CALL_NOT_PERMITTED"


class RowLocked(Unavailable):
    """Another transaction holds a row that this work needs, for longer than the work may wait. Nothing was done."""

    reason = "ROW_LOCKED"


KINDS: tuple[type[ServiceError], ...] = (
    InvalidArgument,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    PermissionDenied,
    Unauthenticated,
    ResourceExhausted,
    Unavailable,
    DeadlineExceeded,
    Cancelled,
    Unimplemented,
    Internal,
)
# Of every service.
_KNOWN: tuple[type[ServiceError], ...] = (
    BatchTooLarge,
    InvalidPageToken,
    DatabaseUnavailable,
    DatabaseRefuses,
    CallerUnknown,
    CallNotPermitted,
    RowLocked,
)

_KIND_OF = {kind.status: kind for kind in KINDS}

# To the caller's channel: do not try again by yourself. It does when it could not reach us; once we have answered, the
# caller knows better what to do, and when.
_TRY_NO_MORE = ("grpc-retry-pushback-ms", "-1")


def abort(context: grpc.ServicerContext, error: ServiceError) -> NoReturn:
    """End an RPC with an error's status and reason."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    status = status_pb2.Status(
        code=code_pb2.Code.Value(error.status.name),
        message=str(error) or error.reason,
        details=[detail],
    )
    told: Any = rpc_status.to_status(status)
    context.abort_with_status(told._replace(trailing_metadata=(*told.trailing_metadata, _TRY_NO_MORE)))
    raise AssertionError("abort_with_status raises")


def of_call(error: grpc.RpcError, service: str, known: Iterable[type[ServiceError]] = ()) -> ServiceError:
    """The error that a failed call to `service` stands for.

    Its class is the one of `known`, or of those that every service has, with this status and reason; otherwise the
    status' kind. Without a reason of ours the reason is the status' name.
    """
    reason = _reason(error) or error.code().name
    kind = _KIND_OF.get(error.code(), Internal)
    exact = (one for one in (*known, *_KNOWN) if (one.status, one.reason) == (kind.status, reason))
    return next(exact, kind)(error.details() or "", reason=reason, service=service)


def _reason(error: grpc.RpcError) -> str:
    try:
        status = rpc_status.from_call(error)
    except (ValueError, DecodeError):  # whoever answered does not speak as we do
        return ""
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return ""
