"""Leases billing's tasks of lines, and reports on all tasks. Protobuf stops here."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from google.protobuf.duration_pb2 import Duration
from rejesha.billing.v1 import task_service_pb2 as pb
from rejesha.billing.v1.line_service_pb2 import LINE_STATE_OFF

if TYPE_CHECKING:
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub

MAX_REPORTS = 1000
_MAX_DETAIL = 500
# In seconds: nothing waits in billing for a lease.
_LEASE_DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """A leased task. `lease_end`: by time.monotonic(), counted from before it was asked for, so never too late."""

    task_id: int
    fencing_token: int
    lease_end: float
    trans_id: str

    @property
    def lease_left(self) -> float:
        """Seconds; negative when the lease is over."""
        return self.lease_end - time.monotonic()


@dataclass(frozen=True, slots=True)
class AccessTask(Task):
    """A line to be switched on or off. `profile`, `address_list`: see billing's AccessWork."""

    router_id: int
    username: str
    on: bool
    profile: str = ""
    address_list: str = ""


TaskT = TypeVar("TaskT", bound=Task)


@dataclass(frozen=True, slots=True)
class Leased(Generic[TaskT]):
    """Leased tasks; `busy`: payments come in so fast that whatever can wait should."""

    tasks: Sequence[TaskT]
    busy: bool


@dataclass(frozen=True, slots=True)
class Report:
    """How a task went. `outcome`: of a line, as the proto names it, such as "CHANGED"; `accepted`: of messages, whether
    notify has them. With neither nothing was tried, and the lease is given back.
    """

    task: Task
    detail: str = ""
    outcome: str = ""
    router_name: str = ""
    accepted: bool | None = None


class Tasks:
    """Leases go to `owner`, of at most 100 characters, for `lease_seconds`."""

    def __init__(
        self, stub: "TaskServiceAsyncStub", owner: str, *, lease_seconds: float, report_deadline: float
    ) -> None:
        self._stub = stub
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._report_deadline = report_deadline

    async def lease_access(self, max_tasks: int, busy_routers: Collection[int]) -> Leased[AccessTask]:
        """Due lines of all but the busy routers. Raises ServiceError."""
        lease_end, response = await self._lease(pb.TASK_KIND_SET_ACCESS, max_tasks, busy_routers)
        return Leased([_access_task(task, lease_end) for task in response.tasks], response.busy)

    async def _lease(
        self, kind: pb.TaskKind.ValueType, max_tasks: int, busy_routers: Collection[int] = ()
    ) -> tuple[float, pb.LeaseTasksResponse]:
        term = Duration(seconds=int(self._lease_seconds), nanos=int(self._lease_seconds % 1 * 1e9))
        request = pb.LeaseTasksRequest(
            owner=self._owner, max_tasks=max_tasks, lease_duration=term, busy_router_ids=sorted(busy_routers), kind=kind
        )
        lease_end = time.monotonic() + self._lease_seconds
        response = await self._stub.LeaseTasks(request, timeout=_LEASE_DEADLINE)
        return lease_end, response

    async def complete(self, reports: Sequence[Report]) -> list[int]:
        """Report on at most MAX_REPORTS tasks; the ids of those that someone else has leased since, or that ended.

        Raises ServiceError.
        """
        request = pb.CompleteTasksRequest(reports=[_report(report) for report in reports])
        response = await self._stub.CompleteTasks(request, timeout=self._report_deadline)
        return list(response.stale_task_ids)


def _access_task(task: pb.Task, lease_end: float) -> AccessTask:
    line = task.access
    on = line.wanted != LINE_STATE_OFF
    leased = task.task_id, task.fencing_token, lease_end, task.trans_id
    return AccessTask(*leased, line.router_id, line.username, on, line.profile, line.address_list)


def _report(report: Report) -> pb.TaskReport:
    task = report.task
    message = pb.TaskReport(task_id=task.task_id, fencing_token=task.fencing_token, detail=report.detail[:_MAX_DETAIL])
    if report.outcome:
        outcome = pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{report.outcome}")
        message.access.CopyFrom(pb.AccessReport(outcome=outcome, router_name=report.router_name))
    elif report.accepted is not None:
        message.messages.CopyFrom(pb.MessageReport(accepted=report.accepted))
    else:
        message.release.SetInParent()
    return message
