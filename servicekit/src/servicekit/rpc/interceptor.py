"""What stands around the answering of every unary RPC of a server: who may call, whether anybody still waits for it,
and how an error becomes a status. A module of its own because it is an interceptor of gRPC's and knows no server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2

from servicekit import clocks, tracing
from servicekit.rpc import call, identity, telemetry
from servicekit.rpc.errors import (
    Cancelled,
    DatabaseRefuses,
    DatabaseUnavailable,
    DeadlineExceeded,
    Internal,
    ServiceError,
    Unimplemented,
    abort,
)

# What answers an RPC: its request and context, its response.
Behave = Callable[[Any, grpc.ServicerContext], Any]

log = structlog.get_logger()

_OF_GRPC = "/grpc."
_HEALTH = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/"
# Said of every call while a database is away; what is wrong was logged where it was met.
_QUIET = (DatabaseUnavailable, DatabaseRefuses, DeadlineExceeded, Cancelled)


class Around(grpc.ServerInterceptor):
    """Stands around every unary RPC. Streams pass by if they are gRPC's own, on health and reflection; we have none.

    `table`: who may call what; None where nobody can prove who they are, and everybody may call everything.
    While there is a `fault` it refuses every RPC but those about health with it.
    """

    def __init__(self, table: identity.Table | None, observe: telemetry.Observe) -> None:
        self.fault: ServiceError | None = DatabaseUnavailable("the database was not looked at yet")
        self._table = table
        self._observe = observe

    def intercept_service(
        self,
        # Quoted: only the type checker's stubs make this class generic.
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler, method = continuation(handler_call_details), handler_call_details.method
        if handler is None or handler.unary_unary is None:
            return handler if method.startswith(_OF_GRPC) else None
        behave = handler.unary_unary
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(behave, method, request, context),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _answer(self, behave: Behave, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        began, reason = time.monotonic(), ""
        try:
            spans = tracing.span(method[1:], caller=context.invocation_metadata())
            with call.answering(context), spans, _refusing(method):
                self._admit(method, context)
                return behave(request, context)
        except ServiceError as refusal:
            reason = refusal.reason
            abort(context, refusal)
        finally:
            self._observe(telemetry.Answered(method, reason, time.monotonic() - began))

    def _admit(self, method: str, context: grpc.ServicerContext) -> None:
        call.check()  # it may have waited in vain for a thread
        if method.startswith(_HEALTH):
            context.set_trailing_metadata(((clocks.METADATA_KEY, datetime.now(UTC).isoformat()),))
            return
        if self._table is not None:
            identity.admit(identity.of(context), method, self._table)
        if self.fault:
            raise self.fault


@contextmanager
def _refusing(method: str) -> Iterator[None]:
    """Whatever is raised in the block, the caller gets a status."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        raise _refusal(method, error) from None


def _refusal(method: str, error: Exception) -> ServiceError:
    """What the caller is told; the text of what nobody foresaw never leaves the process."""
    if isinstance(error, ServiceError):
        level = log.debug if isinstance(error, _QUIET) else log.info
        level("rpc_refused", method=method, reason=error.reason, detail=str(error))
        return error
    if isinstance(error, NotImplementedError):  # as the generated code raises it
        return Unimplemented(f"nobody answers {method} here")
    log.error("rpc_failed", method=method, exc_info=error)
    return Internal("internal error")
