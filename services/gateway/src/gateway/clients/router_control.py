"""Asks router-control to switch lines. Protobuf stops here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1 import task_service_pb2 as billing_pb
from rejesha.router_control.v1 import router_control_service_pb2 as pb

if TYPE_CHECKING:
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub

_PREFIX = "ACCESS_OUTCOME_"
# What billing's contract knows as well: the two services name the outcomes alike.
_OUTCOMES = {
    number: name.removeprefix(_PREFIX)
    for name, number in pb.AccessOutcome.items()
    if number and name in billing_pb.AccessOutcome.keys()  # noqa: SIM118  # not a mapping
}


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line: `outcome` as the protos name it, such as "CHANGED"; `detail` for the log."""

    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class RouterAnswer:
    """A router's name, "" when it has none, and what became of each user."""

    router_name: str
    results: Mapping[str, LineResult]


class RouterControl:
    """`deadline`: of a call, in seconds."""

    def __init__(self, stub: "RouterControlServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def enable(self, router_id: int, usernames: Sequence[str]) -> RouterAnswer:
        """Switch the lines of 1 to 1000 different users on, and read them back. Raises ServiceError."""
        changes = [pb.AccessChange(username=username, access=pb.ACCESS_ENABLED) for username in usernames]
        request = pb.SetAccessRequest(router_id=router_id, changes=changes)
        response = await self._stub.SetAccess(request, timeout=self._deadline)
        return RouterAnswer(response.router_name, {result.username: _line(result) for result in response.results})


def _line(result: pb.AccessResult) -> LineResult:
    if outcome := _OUTCOMES.get(result.outcome):
        return LineResult(outcome, result.detail)
    return LineResult("ROUTER_ERROR", f"outcome {result.outcome}")
