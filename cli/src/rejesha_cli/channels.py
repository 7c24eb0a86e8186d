"""The way to the three services: one stub each, a deadline on every call, and failures as sentences.

Nothing else in this package knows gRPC's errors. A stub's module is imported with its first use: each takes its time.
"""

# ruff: noqa: PLC0415

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.rpc import certificates
from servicekit.rpc.certificates import Certificate
from servicekit.rpc.channel import connect
from servicekit.rpc.errors import DeadlineExceeded, ServiceError, Unavailable, Unimplemented

from rejesha_cli.errors import CommandFailed, ServiceRefused, ServiceUnreachable, SettingMissing, SettingsUnreadable
from rejesha_cli.settings import Settings
from servicekit import clocks

if TYPE_CHECKING:
    from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub
    from rejesha.billing.v1.bulk_service_pb2_grpc import BulkServiceStub
    from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceStub
    from rejesha.billing.v1.ledger_service_pb2_grpc import LedgerServiceStub
    from rejesha.billing.v1.line_service_pb2_grpc import LineServiceStub
    from rejesha.billing.v1.package_service_pb2_grpc import PackageServiceStub
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceStub
    from rejesha.billing.v1.policy_service_pb2_grpc import PolicyServiceStub
    from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceStub
    from rejesha.billing.v1.retention_service_pb2_grpc import RetentionServiceStub
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceStub
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub


# What gRPC says when two do not come to trust each other; "socket closed" is how the one who is refused sees it.
_OF_A_HANDSHAKE = ("handshake", "verification", "socket closed")
_TRUE = {"1", "true", "yes", "on"}
# Whoever is well answers at once.
_HEALTH_SECONDS = 5


@dataclass(frozen=True)
class Service:
    """A service as the operator knows it: its name, where it is, the setting that says so, how long it may take."""

    name: str
    target: str
    setting: str
    deadline_seconds: float = 30


@dataclass(frozen=True)
class Health:
    """`state`: gRPC's word, such as "serving"; `time`: the service's own, as ISO 8601, "" where it does not say."""

    state: str
    time: str


class Channels:
    """The stubs of all services; a channel is opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.billing = Service("billing", settings.billing_target, "REJESHA_BILLING_TARGET")
        # A call waits for the router's own time-outs, one after the other.
        self.router_control = Service(
            "router-control", settings.router_control_target, "REJESHA_ROUTER_CONTROL_TARGET", deadline_seconds=120
        )
        self.notify = Service("notify", settings.notify_target, "REJESHA_NOTIFY_TARGET")
        self._settings = settings
        self._open: dict[Service, grpc.Channel] = {}

    @cached_property
    def _certificate(self) -> Certificate | None:
        """Ours; None in plain text. Raises SettingMissing, SettingsUnreadable."""
        if not self._settings.tls_directory:
            if self._settings.plaintext.lower() in _TRUE:
                return None
            raise SettingMissing(
                "REJESHA_TLS_DIRECTORY is missing: the certificate with which the services know this command"
                " (`rejesha certificate issue operator`); or REJESHA_PLAINTEXT=true where they do without."
            )
        try:
            return certificates.read(Path(self._settings.tls_directory))
        except certificates.CertificateUnusable as error:
            raise SettingsUnreadable(f"REJESHA_TLS_DIRECTORY: {error}.") from error

    @cached_property
    def payments(self) -> "PaymentServiceStub":
        from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceStub

        return PaymentServiceStub(self._channel(self.billing))

    @cached_property
    def quarantine(self) -> "QuarantineServiceStub":
        from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceStub

        return QuarantineServiceStub(self._channel(self.billing))

    @cached_property
    def tasks(self) -> "TaskServiceStub":
        from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceStub

        return TaskServiceStub(self._channel(self.billing))

    @cached_property
    def accounts(self) -> "AccountServiceStub":
        from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub

        return AccountServiceStub(self._channel(self.billing))

    @cached_property
    def retention(self) -> "RetentionServiceStub":
        from rejesha.billing.v1.retention_service_pb2_grpc import RetentionServiceStub

        return RetentionServiceStub(self._channel(self.billing))

    @cached_property
    def ledger(self) -> "LedgerServiceStub":
        from rejesha.billing.v1.ledger_service_pb2_grpc import LedgerServiceStub

        return LedgerServiceStub(self._channel(self.billing))

    @cached_property
    def bulks(self) -> "BulkServiceStub":
        from rejesha.billing.v1.bulk_service_pb2_grpc import BulkServiceStub

        return BulkServiceStub(self._channel(self.billing))

    @cached_property
    def drift(self) -> "DriftServiceStub":
        from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceStub

        return DriftServiceStub(self._channel(self.billing))

    @cached_property
    def lines(self) -> "LineServiceStub":
        from rejesha.billing.v1.line_service_pb2_grpc import LineServiceStub

        return LineServiceStub(self._channel(self.billing))

    @cached_property
    def packages(self) -> "PackageServiceStub":
        from rejesha.billing.v1.package_service_pb2_grpc import PackageServiceStub

        return PackageServiceStub(self._channel(self.billing))

    @cached_property
    def policies(self) -> "PolicyServiceStub":
        from rejesha.billing.v1.policy_service_pb2_grpc import PolicyServiceStub

        return PolicyServiceStub(self._channel(self.billing))

    @cached_property
    def routers(self) -> "RouterControlServiceStub":
        from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub

        return RouterControlServiceStub(self._channel(self.router_control))

    @cached_property
    def messages(self) -> "NotifyServiceStub":
        from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceStub

        return NotifyServiceStub(self._channel(self.notify))

    def health(self, service: Service) -> Health:
        """What gRPC's health check answers."""
        # It has a contract of its own, so that nothing of the service's needs importing.
        seconds = min(service.deadline_seconds, _HEALTH_SECONDS)
        with self._connected(replace(service, deadline_seconds=seconds), "health") as channel:
            answer, call = health_pb2_grpc.HealthStub(channel).Check.with_call(health_pb2.HealthCheckRequest())
        state = str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)).lower()
        return Health(state, dict(call.trailing_metadata() or ()).get(clocks.METADATA_KEY, ""))

    def close(self) -> None:
        for channel in self._open.values():
            channel.close()

    def _channel(self, service: Service) -> grpc.Channel:
        if service not in self._open:
            self._open[service] = self._connected(service, service.name)
        return self._open[service]

    def _connected(self, service: Service, contract: str) -> grpc.Channel:
        channel = connect(service.target, service=contract, certificate=self._certificate, named=service.name)
        return grpc.intercept_channel(channel, _Caller(service))


class _CallDetails(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Caller(grpc.UnaryUnaryClientInterceptor):
    """Gives every call that has none its service's deadline, and every failure its sentence."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        asked = client_call_details
        service = replace(self._service, deadline_seconds=asked.timeout or self._service.deadline_seconds)
        call = continuation(
            _CallDetails(
                method=asked.method,
                timeout=service.deadline_seconds,
                metadata=asked.metadata,
                credentials=asked.credentials,
                wait_for_ready=asked.wait_for_ready,
                compression=asked.compression,
            ),
            request,
        )
        error = call.exception()
        if isinstance(error, ServiceError):
            raise explain(service, error)
        return call


def explain(service: Service, error: ServiceError) -> CommandFailed:
    """What a failed call means for the operator, and which setting to look at."""
    where = f"{service.setting} says where it is"
    match error:
        case Unavailable(reason=Unavailable.reason):  # with any other, it was the service that said so
            trust = "; or one of the two does not believe the other's certificate, ours being in REJESHA_TLS_DIRECTORY"
            mistrust = any(word in str(error).lower() for word in _OF_A_HANDSHAKE)
            told = f"{service.name} cannot be reached at {service.target}: {where}{trust if mistrust else ''}."
            return ServiceUnreachable(told)
        case DeadlineExceeded():
            within = f"within {service.deadline_seconds:g} seconds"
            return ServiceUnreachable(f"{service.name} at {service.target} did not answer {within}: {where}.")
        case Unimplemented():
            other = f"is not {service.name}, or an older one"
            return ServiceUnreachable(f"what answers at {service.target} {other}: {where}.")
        case _:
            return ServiceRefused(f"{service.name}: {error}", error.reason)
