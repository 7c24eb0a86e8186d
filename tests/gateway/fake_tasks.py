"""Billing's tasks as the gateway's dispatcher sees them: leased, reported on, in a dict. A part of the fake billing."""

# ruff: noqa: N802  # the RPCs' names are the protos'

import asyncio
import time
from dataclasses import dataclass, field

import grpc
from gateway_fakes import abort, now
from rejesha.billing.v1 import task_service_pb2 as task_pb
from rejesha.billing.v1 import task_service_pb2_grpc


@dataclass
class FakeTask:
    """A task with its lease; `done` is the report that ended it."""

    task: task_pb.Task
    due: float = 0.0
    fencing_token: int = 0
    leased: bool = False
    done: task_pb.TaskReport | None = None


@dataclass
class FakeTasks(task_service_pb2_grpc.TaskServiceServicer):
    """Tasks with leases and fencing tokens."""

    tasks: dict[int, FakeTask] = field(default_factory=dict)
    reports: list[task_pb.TaskReport] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    busy_router_ids: list[list[int]] = field(default_factory=list)
    max_tasks: list[int] = field(default_factory=list)  # of each lease of lines
    message_leases: int = 0
    busy: bool = False
    leases_refused: list[float] = field(default_factory=list)  # when each was
    # Faults on demand.
    delay: float = 0.0
    fail_with: grpc.StatusCode | None = None
    fails_because: tuple[str, ...] = ("DATABASE_UNAVAILABLE",)  # the reason, and what it says
    reports_fail: int = 0
    reports_may_end: asyncio.Event | None = None  # calls with reports wait for it
    report_sizes: list[int] = field(default_factory=list)

    def add_task(self, **work):
        """A due task; `access=(router, username)` or `messages=[(id, phone, template)]`."""
        task = task_pb.Task(task_id=len(self.tasks) + 1, trans_id=work.pop("trans_id", "TASKTEST01"), expire_time=now())
        task.expire_time.seconds += 3600
        if "access" in work:
            router_id, username = work["access"]
            task.access.CopyFrom(task_pb.AccessWork(router_id=router_id, username=username))
        for message_id, phone, template in work.get("messages", ()):
            task.messages.messages.add(message_id=message_id, phone=phone, template=template, facts={"name": "Asha"})
        self.tasks[task.task_id] = FakeTask(task)
        return task.task_id

    async def _misbehave(self, context):
        await asyncio.sleep(self.delay)
        if self.fail_with:
            await abort(context, self.fail_with, *self.fails_because)

    async def LeaseTasks(self, request, context):
        if self.fail_with:
            self.leases_refused.append(time.monotonic())
        await self._misbehave(context)
        if len(request.busy_router_ids) > 1000:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_LEASE")
        if request.kind == task_pb.TASK_KIND_SET_ACCESS:
            self.busy_router_ids.append(list(request.busy_router_ids))
            self.max_tasks.append(request.max_tasks)
        else:
            self.message_leases += 1
        moment, leased = time.monotonic(), []
        lease = request.lease_duration.ToMicroseconds() / 1e6
        asked_for = [held for held in self.tasks.values() if _kind(held.task) == request.kind]
        for held in asked_for:
            busy = _is_busy(held.task, request)
            if held.done or held.due > moment or busy or len(leased) == request.max_tasks:
                continue
            held.fencing_token += 1
            held.leased = True
            held.due = moment + lease
            held.task.fencing_token = held.fencing_token
            leased.append(held.task)
        return task_pb.LeaseTasksResponse(tasks=leased, busy=self.busy)

    async def CompleteTasks(self, request, context):
        self.report_sizes.append(len(request.reports))
        if self.reports_may_end:
            await self.reports_may_end.wait()
        if self.reports_fail:
            self.reports_fail -= 1
            await abort(context, grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        if self.fail_with:
            await abort(context, self.fail_with, "DATABASE_UNAVAILABLE")
        stale = []
        for report in request.reports:
            held = self.tasks[report.task_id]
            if not held.leased or held.fencing_token != report.fencing_token:
                stale.append(report.task_id)
                continue
            self.reports.append(report)
            held.leased = False
            if _ends(report):
                held.done = report
            else:
                held.due = time.monotonic() + 0.05
        self.stale += stale
        return task_pb.CompleteTasksResponse(stale_task_ids=stale)


def _kind(task):
    return task_pb.TASK_KIND_SET_ACCESS if task.HasField("access") else task_pb.TASK_KIND_SEND_MESSAGES


def _is_busy(task, request):
    return task.HasField("access") and task.access.router_id in request.busy_router_ids


def _ends(report):
    if report.HasField("access"):
        return report.access.outcome in (task_pb.ACCESS_OUTCOME_CHANGED, task_pb.ACCESS_OUTCOME_ALREADY_SO)
    return report.HasField("messages") and report.messages.accepted
