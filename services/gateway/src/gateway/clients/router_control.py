"""Asks router-control to switch lines. Protobuf stops here."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rejesha.billing.v1 import task_service_pb2 as billing_pb
from rejesha.router_control.v1 import router_control_service_pb2 as pb
from servicekit.rpc.errors import DeadlineExceeded

from gateway.clients.tasks import AccessTask, Report
from servicekit import tracing

if TYPE_CHECKING:
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub

_PREFIX = "ACCESS_OUTCOME_"
# What billing's contract knows as well: the two services name the outcomes alike.
_OUTCOMES = {
    number: name.removeprefix(_PREFIX)
    for name, number in pb.AccessOutcome.items()
    if number and name in billing_pb.AccessOutcome.keys()  # noqa: SIM118  # not a mapping
}


class RouterControl:
    """`deadline`: of a call, in seconds."""

    def __init__(self, stub: "RouterControlServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def switch(self, tasks: Sequence[AccessTask]) -> list[Report]:
        """Switch the lines of one router, at most 1000, and read them back. Raises ServiceError, but for being late."""
        changes = {task.username: _change(task) for task in tasks}
        request = pb.SetAccessRequest(router_id=tasks[0].router_id, changes=changes.values())
        try:
            with tracing.span("set_access", trans_ids=[task.trans_id for task in tasks]):
                response = await self._stub.SetAccess(request, timeout=self._deadline)
        except DeadlineExceeded:
            return [Report(task, "no answer in time", outcome="TIMED_OUT") for task in tasks]
        return list(_reports(tasks, response))


def _change(task: AccessTask) -> pb.AccessChange:
    off = pb.ACCESS_LIMITED if task.profile or task.address_list else pb.ACCESS_DISABLED
    access = pb.ACCESS_ENABLED if task.on else off
    return pb.AccessChange(username=task.username, access=access, profile=task.profile, address_list=task.address_list)


def _reports(tasks: Sequence[AccessTask], response: pb.SetAccessResponse) -> Iterator[Report]:
    results = {result.username: result for result in response.results}
    for task in tasks:
        result = results.get(task.username)
        if result is None:
            yield Report(task, "no result for this user", outcome="ROUTER_ERROR")
        elif outcome := _OUTCOMES.get(result.outcome):
            yield Report(task, result.detail, outcome=outcome, router_name=response.router_name)
        else:
            detail = result.detail or f"outcome {result.outcome}"
            yield Report(task, detail, outcome="ROUTER_ERROR", router_name=response.router_name)
