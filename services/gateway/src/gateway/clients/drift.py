"""Has what a router holds compared with what is wanted: reads it at router-control, hands it to billing. Protobuf stops
here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1.drift_service_pb2 import (
    HELD_ACCESS_DISABLED,
    HELD_ACCESS_ENABLED,
    HELD_ACCESS_LIMITED,
    CompareSecretsRequest,
    HeldSecret,
    ListLineRoutersRequest,
)
from rejesha.router_control.v1 import router_control_service_pb2 as pb

if TYPE_CHECKING:
    from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceAsyncStub
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub

_ACCESS = {
    pb.ACCESS_ENABLED: HELD_ACCESS_ENABLED,
    pb.ACCESS_DISABLED: HELD_ACCESS_DISABLED,
    pb.ACCESS_LIMITED: HELD_ACCESS_LIMITED,
}


@dataclass(frozen=True)
class Compared:
    """What a page came to. `unread`: why the router could not be read. `next`: where to go on, or empty."""

    drifts: int = 0
    next: str = ""
    unread: str = ""


class Drift:
    """`deadline`: of a call, in seconds."""

    def __init__(
        self, routers: "RouterControlServiceAsyncStub", stub: "DriftServiceAsyncStub", *, deadline: float
    ) -> None:
        self._routers, self._stub = routers, stub
        self._deadline = deadline

    async def routers(self) -> list[int]:
        """The routers on which customers have lines. Raises ServiceError."""
        return list((await self._stub.ListLineRouters(ListLineRoutersRequest(), timeout=self._deadline)).router_ids)

    async def compare(self, router_id: int, after: str) -> Compared:
        """Compare the page after a username. Raises ServiceError."""
        wanted = pb.ListSecretsRequest(router_id=router_id, page_token=after)
        page = await self._routers.ListSecrets(wanted, timeout=self._deadline)
        if page.outcome != pb.ACCESS_OUTCOME_ALREADY_SO:
            return Compared(unread=pb.AccessOutcome.Name(page.outcome))
        request = CompareSecretsRequest(
            router_id=router_id, secrets=map(_held, page.secrets), after=after, until=page.next_page_token
        )
        answer = await self._stub.CompareSecrets(request, timeout=self._deadline)
        return Compared(len(answer.drifts), page.next_page_token)


def _held(secret: pb.Secret) -> HeldSecret:
    return HeldSecret(
        username=secret.username,
        access=_ACCESS[secret.access],
        profile=secret.profile,
        sessions=secret.sessions,
        service=secret.service,
    )
