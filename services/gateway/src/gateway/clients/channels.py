"""The channels to the other services, and their stubs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import grpc
from grpc_health.v1.health_pb2_grpc import HealthStub
from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub
from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceStub
from rejesha.billing.v1.line_service_pb2_grpc import LineServiceStub
from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceStub
from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceStub
from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceStub
from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub
from servicekit.metrics import called
from servicekit.rpc.channel import connect_async
from servicekit.rpc.renewal import RenewedCertificate

if TYPE_CHECKING:
    from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceAsyncStub
    from rejesha.billing.v1.line_service_pb2_grpc import LineServiceAsyncStub
    from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceAsyncStub
    from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceAsyncStub
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub


@dataclass(frozen=True)
class Targets:
    """Where the other services are, each host:port; `certificate`: ours, None in plain text."""

    billing: str
    router_control: str
    notify: str
    certificate: RenewedCertificate | None = None


@dataclass(frozen=True)
class Clients:
    """The stubs of one process. Must be made and closed inside its event loop."""

    payments: "PaymentServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"
    quarantine: "QuarantineServiceAsyncStub"
    tasks: "TaskServiceAsyncStub"
    lines: "LineServiceAsyncStub"
    drift: "DriftServiceAsyncStub"
    router_control: "RouterControlServiceAsyncStub"
    notify: "NotifyServiceAsyncStub"
    # By the name that /health shows.
    health: dict[str, HealthStub]
    channels: tuple[grpc.aio.Channel, ...]

    @classmethod
    def connect(cls, targets: Targets) -> Self:
        """Open the channels. Does not wait: a service that is down may come later."""
        ours = targets.certificate
        billing = connect_async(targets.billing, service="billing", certificate=ours, observe=called)
        router_control = connect_async(
            targets.router_control, service="router-control", certificate=ours, observe=called
        )
        notify = connect_async(targets.notify, service="notify", certificate=ours, observe=called)
        return cls(
            payments=PaymentServiceStub(billing),
            accounts=AccountServiceStub(billing),
            quarantine=QuarantineServiceStub(billing),
            tasks=TaskServiceStub(billing),
            lines=LineServiceStub(billing),
            drift=DriftServiceStub(billing),
            router_control=RouterControlServiceStub(router_control),
            notify=NotifyServiceStub(notify),
            health={
                "billing": HealthStub(billing),
                "router-control": HealthStub(router_control),
                "notify": HealthStub(notify),
            },
            channels=(billing, router_control, notify),
        )

    async def close(self) -> None:
        """Close the channels; calls still under way end with CANCELLED."""
        for channel in self.channels:
            await channel.close()
