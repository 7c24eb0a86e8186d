"""The one way an error crosses gRPC: a status code, a sentence, and a machine-readable reason.

Services raise small subclasses of ServiceError; the interceptor turns them into a status with a
google.rpc.ErrorInfo. Anything else becomes INTERNAL and is logged, and its text never leaves the process.
"""

from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from servicekit.unary import Behave, UnaryInterceptor

DOMAIN = "rejesha"

log = structlog.get_logger()


class ServiceError(Exception):
    """An error with a meaning for the caller. Its text is shown to the caller: no secrets in it."""

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"


class InvalidArgument(ServiceError):
    """The request breaks the contract; sending it again will not help."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class BatchTooLarge(InvalidArgument):
    """A repeated field is empty or longer than the contract allows."""

    reason = "BATCH_TOO_LARGE"


class InvalidPageToken(InvalidArgument):
    """A page token that no earlier answer gave."""

    reason = "INVALID_PAGE_TOKEN"


class NotFound(ServiceError):
    """What the request names does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class DatabaseUnavailable(ServiceError):
    """The database did not answer; whether the work was committed is not known. Repeat the request."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "DATABASE_UNAVAILABLE"


class DatabaseRefuses(DatabaseUnavailable):
    """The database answers, and refuses what it is asked for until somebody mends it: a password, a right, a table.

    The text has the server's number, and its words where they name no row's value. Nothing was done.
    """

    reason = "DATABASE_REFUSES"


class RowLocked(DatabaseUnavailable):
    """Another transaction holds a row that this work needs, for longer than the work may wait. Nothing was done."""

    reason = "ROW_LOCKED"


class ErrorInterceptor(UnaryInterceptor):
    """Answers every error of a unary RPC with its status and reason."""

    def around(self, behave: Behave, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return behave(request, context)
        except ServiceError as error:
            # What is wrong with the database was logged where it was met, and not once a call.
            level = log.debug if type(error) in (DatabaseUnavailable, DatabaseRefuses) else log.info
            level("rpc_refused", method=method, reason=error.reason, detail=str(error))
            abort(context, error)
        except Exception:
            if context.code() is None:  # type: ignore[attr-defined]  # not aborted on purpose
                log.exception("rpc_failed", method=method)
                abort(context, ServiceError("internal error"))
            raise


# To the caller's channel: do not try again by yourself. It does when it could not reach us; once we have answered, the
# caller knows better what to do, and when.
_TRY_NO_MORE = ("grpc-retry-pushback-ms", "-1")


def abort(context: grpc.ServicerContext, error: ServiceError) -> NoReturn:
    """End an RPC with an error's status and reason."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    status = status_pb2.Status(
        code=code_pb2.Code.Value(error.code.name),
        message=str(error) or error.reason,
        details=[detail],
    )
    told: Any = rpc_status.to_status(status)
    context.abort_with_status(told._replace(trailing_metadata=(*told.trailing_metadata, _TRY_NO_MORE)))
    raise AssertionError("abort_with_status raises")


def reason_of(error: grpc.RpcError) -> str:
    """The reason that a failed call carries, or its status code's name when it carries none."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return str(error.code().name)
