"""Has what a router holds compared with what is wanted: reads it at router-control, hands it to billing. Protobuf stops
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1.drift_service_pb2 import (
    HELD_ACCESS_DISABLED,
    HELD_ACCESS_ENABLED,
    ClaimRouterCheckRequest,
    CompareSecretsRequest,
    HeldSecret,
    ReportRouterCheckRequest,
)
from rejesha.router_control.v1 import router_control_service_pb2 as pb

if TYPE_CHECKING:
    from rejesha.billing.v1.drift_service_pb2_grpc import DriftServiceAsyncStub
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub

_ACCESS = {
    pb.ACCESS_ENABLED: HELD_ACCESS_ENABLED,
    pb.ACCESS_DISABLED: HELD_ACCESS_DISABLED,
    pb.ACCESS_LIMITED: HELD_ACCESS_ENABLED,  # by which lists goes with it
}


@dataclass(frozen=True)
class Claimed:
    """A router to compare, and the address lists by which lines are limited there."""

    router_id: int
    address_lists: Sequence[str] = ()


@dataclass(frozen=True)
class Compared:
    """What a page, or a router as a whole, came to. `fault`: why the router could not be read, such as "unreachable".
    `next`: where to go on, or empty.
    """

    drifts: int = 0
    next: str = ""
    fault: str = ""
    lines: int = 0


class Drift:
    """`deadline`: of a call, in seconds."""

    def __init__(
        self, routers: "RouterControlServiceAsyncStub", stub: "DriftServiceAsyncStub", *, deadline: float
    ) -> None:
        self._routers, self._stub = routers, stub
        self._deadline = deadline

    async def claim(self, interval: float) -> Claimed | None:
        """A router that was compared so many seconds ago, for this process alone; None: there is none. Raises
        ServiceError.
        """
        request = ClaimRouterCheckRequest()
        request.interval.FromSeconds(int(interval))
        answer = await self._stub.ClaimRouterCheck(request, timeout=self._deadline)
        return Claimed(answer.router.router_id, answer.router.address_lists) if answer.HasField("router") else None

    async def report(self, router_id: int, whole: Compared) -> None:
        """Say how the comparison of a router went. Raises ServiceError."""
        request = ReportRouterCheckRequest(
            router_id=router_id, lines=whole.lines, drifts=whole.drifts, fault=whole.fault
        )
        await self._stub.ReportRouterCheck(request, timeout=self._deadline)

    async def compare(self, router: Claimed, after: str) -> Compared:
        """Compare the page after a username. Raises ServiceError."""
        router_id = router.router_id
        wanted = pb.ListSecretsRequest(router_id=router_id, page_token=after, address_lists=router.address_lists)
        page = await self._routers.ListSecrets(wanted, timeout=self._deadline)
        if page.outcome != pb.ACCESS_OUTCOME_ALREADY_SO:
            return Compared(fault=pb.AccessOutcome.Name(page.outcome).removeprefix("ACCESS_OUTCOME_").lower())
        request = CompareSecretsRequest(
            router_id=router_id, secrets=map(_held, page.secrets), after=after, until=page.next_page_token
        )
        answer = await self._stub.CompareSecrets(request, timeout=self._deadline)
        return Compared(len(answer.drifts), page.next_page_token, lines=answer.lines)


def _held(secret: pb.Secret) -> HeldSecret:
    return HeldSecret(
        username=secret.username,
        access=_ACCESS[secret.access],
        profile=secret.profile,
        sessions=secret.sessions,
        service=secret.service,
        address_lists=secret.address_lists,
    )
