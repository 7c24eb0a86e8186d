"""Client channels to the other services: kept alive, spread over all addresses; a failed call raises a ServiceError.

A call that found nobody is repeated only if its RPC says in the proto that it may be: `idempotency_level`.
"""

import importlib
import json
import pkgutil
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from servicekit import tracing
from servicekit.rpc import telemetry
from servicekit.rpc.certificates import Certificate
from servicekit.rpc.errors import ServiceError, of_call

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_MAY_BE_REPEATED = {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}

_RETRY_POLICY = {
    "maxAttempts": 3,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A peer that vanished without a word is noticed within about half a minute.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Our services are neighbours: a proxy meant for the world must not stand between them.
    ("grpc.enable_http_proxy", 0),
    # Reconnect soon after a restart: gRPC's own default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A container that is replaced has another address: gRPC's own default asks for it only every 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
]

if TYPE_CHECKING:
    from servicekit.rpc.renewal import RenewedCertificate

Known = Collection[type[ServiceError]]


def connect(
    target: str,
    *,
    service: str,
    known: Known = (),
    certificate: Certificate | None = None,
    named: str = "",
    interceptors: Sequence[grpc.UnaryUnaryClientInterceptor] = (),
    observe: telemetry.Observe = telemetry.nobody,
) -> grpc.Channel:
    """A channel for threads. `target`: host:port, or dns:///name:port for all of a name's addresses.

    `service`: whom we call, such as "router-control"; its RPCs are those of the package rejesha.router_control.v1. A
    unary call that fails raises a ServiceError that names it: of a class in `known` if the reason is that class'.
    `certificate`: ours; whoever answers must show one of `service`, or of `named` where `service` is nobody's name.
    Without, it speaks in plain text.
    `interceptors`: the first one is outermost.
    """
    options = options_for(contract(service))
    if certificate:
        bare = grpc.secure_channel(target, certificate.for_channel(), [*options, _must_be(named or service)])
    else:
        bare = grpc.insecure_channel(target, options)
    return grpc.intercept_channel(bare, *interceptors, _Raises(service, known, observe))


def connect_async(
    target: str,
    *,
    service: str,
    known: Known = (),
    certificate: "RenewedCertificate | None" = None,
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    observe: telemetry.Observe = telemetry.nobody,
) -> grpc.aio.Channel:
    """A channel for asyncio; the arguments as in `connect`, but that the certificate may change."""
    options = options_for(contract(service))
    around = [*interceptors, _RaisesAsync(service, known, observe)]
    if certificate is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=around)

    from servicekit.rpc.renewal import RenewedChannel  # noqa: PLC0415  # structlog, which the command must not wait for

    def renewed(read: Certificate) -> grpc.aio.Channel:
        options_now = [*options, _must_be(service)]
        return grpc.aio.secure_channel(target, read.for_channel(), options=options_now, interceptors=around)

    return cast("grpc.aio.Channel", RenewedChannel(certificate, renewed))


def _must_be(service: str) -> tuple[str, str]:
    """Whoever answers must have a certificate in this name: that of the service, not of the place where it runs."""
    return "grpc.ssl_target_name_override", service


def contract(service: str) -> list[ServiceDescriptor]:
    """The gRPC services that a service of ours answers, from its generated code; none where it has no protos."""
    package = f"rejesha.{service.replace('-', '_')}.v1"
    try:
        folder = importlib.import_module(package)
    except ModuleNotFoundError:
        return []
    names = [module.name for module in pkgutil.iter_modules(folder.__path__) if module.name.endswith("_pb2")]
    files = [importlib.import_module(f"{package}.{name}").DESCRIPTOR for name in names]
    return [one for file in files for one in file.services_by_name.values()]


def options_for(services: Iterable[ServiceDescriptor]) -> list[tuple[str, int | str]]:
    """A channel's options: those of all our channels, and which RPCs of these services it may repeat."""
    repeated = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level in _MAY_BE_REPEATED
    ]
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if repeated:
        config["methodConfig"] = [{"name": repeated, "retryPolicy": _RETRY_POLICY}]
    return [("grpc.service_config", json.dumps(config)), *_OPTIONS]


class _Raises(grpc.UnaryUnaryClientInterceptor):
    """Lets a failed call raise the ServiceError that it stands for."""

    def __init__(self, service: str, known: Known, observe: telemetry.Observe) -> None:
        self._service = service
        self._known = known
        self._observe = observe

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        began = time.monotonic()
        call = _Call(continuation(client_call_details, request), self._error)

        def ended(_call: Any) -> None:
            failure = call.exception()
            reason = failure.reason if isinstance(failure, ServiceError) else type(failure).__name__ if failure else ""
            self._observe(telemetry.Answered(client_call_details.method, reason, time.monotonic() - began))

        if self._observe is not telemetry.nobody:
            call.add_done_callback(ended)
        return call

    def _error(self, error: grpc.RpcError) -> ServiceError:
        return of_call(error, self._service, self._known)


class _Call:
    """A call under way, or answered, whose failure is a ServiceError."""

    def __init__(self, call: Any, error: Callable[[grpc.RpcError], ServiceError]) -> None:
        self._call = call
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def result(self, timeout: float | None = None) -> Any:
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise self._error(error) from None

    def exception(self, timeout: float | None = None) -> Exception | None:
        failure: Exception | None = self._call.exception(timeout)
        return self._error(failure) if isinstance(failure, grpc.RpcError) else failure


class _RaisesAsync(grpc.aio.UnaryUnaryClientInterceptor):
    """As _Raises, in an event loop."""

    def __init__(self, service: str, known: Known, observe: telemetry.Observe) -> None:
        self._service = service
        self._known = known
        self._observe = observe

    async def intercept_unary_unary(
        self, continuation: Callable[..., Awaitable[Any]], client_call_details: Any, request: Any
    ) -> Any:
        began, reason = time.monotonic(), ""
        try:
            call = await continuation(_within_span(client_call_details), request)
            await call
        except grpc.aio.AioRpcError as error:
            failure = of_call(error, self._service, self._known)
            reason = failure.reason
            raise failure from None
        else:
            return call
        finally:
            method = client_call_details.method
            name = method.decode() if isinstance(method, bytes) else method
            self._observe(telemetry.Answered(name, reason, time.monotonic() - began))


def _within_span(details: Any) -> Any:
    """An RPC's details, which tell the callee of the span that we are in, if we are in one."""
    if (header := tracing.header()) is None:
        return details
    return details._replace(metadata=grpc.aio.Metadata(*(details.metadata or ()), ("traceparent", header)))
