"""TaskService: leases, reports on them, and what operators ask about tasks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Semaphore
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from rejesha.billing.v1 import line_service_pb2 as line_pb
from rejesha.billing.v1 import task_service_pb2 as pb
from rejesha.billing.v1 import task_service_pb2_grpc
from servicekit.rpc import identity
from sqlalchemy import Engine

from billing.failures import retrying
from billing.locking.service import HeldRows
from billing.lookup import service as lookup
from billing.notices.composing import Message
from billing.payees.rules import Line, LineState
from billing.policy import Policy
from billing.precedence import Precedence
from billing.tasks import leasing, service
from billing.tasks.errors import InvalidLease, InvalidReport, TasksBusy
from billing.tasks.leasing import NO_LIMIT, LeasedTask, Limit
from billing.tasks.rules import AccessOutcome, Report, TaskFilter, TaskKind, lessee

MAX_REPORTS = 1000
MAX_BUSY_ROUTERS = 1000
# However many dispatchers there are: so many calls work at once beside the recording of payments, which goes first.
MAX_CALLS_AT_ONCE = 2
# How long a call waits for its turn, in seconds: less than any dispatcher waits for the answer.
MAX_WAIT = 2.0

_KINDS = {pb.TaskKind.Value(f"TASK_KIND_{kind.name}"): kind for kind in TaskKind}
STATES = {LineState.ON: line_pb.LINE_STATE_ON, LineState.OFF: line_pb.LINE_STATE_OFF}
_OUTCOMES = {pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{outcome.name}"): outcome for outcome in AccessOutcome}


class TaskServicer(task_service_pb2_grpc.TaskServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy, precedence: Precedence) -> None:
        self._engine = engine
        self._policy = policy
        self._precedence = precedence
        self._held_rows = HeldRows(engine)
        self._free = Semaphore(MAX_CALLS_AT_ONCE)

    def LeaseTasks(self, request: pb.LeaseTasksRequest, context: grpc.ServicerContext) -> pb.LeaseTasksResponse:
        duration = _lease_duration(request.lease_duration)
        if not 1 <= len(request.owner) <= 100 or not 1 <= request.max_tasks <= 1000:
            raise InvalidLease("owner: 1 to 100 characters; max_tasks: 1 to 1000")
        if len(request.busy_router_ids) > MAX_BUSY_ROUTERS:
            raise InvalidLease(f"busy_router_ids: at most {MAX_BUSY_ROUTERS}")
        asked = TaskFilter(request.max_tasks, _kinds(request.kind), frozenset(request.busy_router_ids))
        with self._turn():
            owner = lessee(request.owner, identity.of(context).name)
            tasks = leasing.lease(self._engine, self._policy, owner, duration, asked)
        return pb.LeaseTasksResponse(tasks=[_task(task) for task in tasks], busy=self._precedence.is_busy)

    def CompleteTasks(
        self, request: pb.CompleteTasksRequest, context: grpc.ServicerContext
    ) -> pb.CompleteTasksResponse:
        if not 1 <= len(request.reports) <= MAX_REPORTS:
            raise InvalidReport(f"1 to {MAX_REPORTS} reports, not {len(request.reports)}")
        reports = [_report(message) for message in request.reports]
        with self._turn():
            caller = identity.of(context).name
            stale = service.complete(self._engine, self._policy, reports, self._held_rows, caller)
        return pb.CompleteTasksResponse(stale_task_ids=stale)

    def RetryTasks(self, request: pb.RetryTasksRequest, context: grpc.ServicerContext) -> pb.RetryTasksResponse:
        return pb.RetryTasksResponse(task_ids=retrying.retry(self._engine, request.trans_id.strip().upper()))

    def GetTaskCounts(
        self, request: pb.GetTaskCountsRequest, context: grpc.ServicerContext
    ) -> pb.GetTaskCountsResponse:
        counts = lookup.count_tasks(self._engine)
        return pb.GetTaskCountsResponse(
            open_access_tasks=counts.open.get(TaskKind.SET_ACCESS, 0),
            open_message_tasks=counts.open.get(TaskKind.SEND_MESSAGES, 0),
            given_up_tasks=counts.given_up,
            oldest_access_due_time=counts.due_since.get(TaskKind.SET_ACCESS),
            oldest_message_due_time=counts.due_since.get(TaskKind.SEND_MESSAGES),
            oldest_given_up_time=counts.given_up_since,
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(timeout=MAX_WAIT):
            raise TasksBusy(f"{MAX_CALLS_AT_ONCE} calls are at work already")
        try:
            yield
        finally:
            self._free.release()


def _kinds(asked: pb.TaskKind.ValueType) -> Sequence[TaskKind]:
    if asked == pb.TASK_KIND_UNSPECIFIED:
        return tuple(TaskKind)
    if asked not in _KINDS:
        raise InvalidLease(f"kind: {asked} is none that this billing knows")
    return (_KINDS[asked],)


def _lease_duration(asked: Duration) -> timedelta:
    # Looked at in seconds first: what a Duration can hold is more than a timedelta can.
    well_formed = 0 <= asked.seconds <= 600 and 0 <= asked.nanos < 1_000_000_000
    if not well_formed or not timedelta(seconds=1) <= asked.ToTimedelta() <= timedelta(minutes=10):
        raise InvalidLease("lease_duration: 1 s to 10 min")
    return asked.ToTimedelta()


def _task(task: LeasedTask) -> pb.Task:
    return pb.Task(
        task_id=task.task_id,
        fencing_token=task.fencing_token,
        trans_id=task.trans_id,
        expire_time=task.expire_time,
        **work_fields(task.work, task.limit),
    )


def work_fields(work: Line | Sequence[Message], limit: Limit = NO_LIMIT) -> dict[str, Any]:
    """The field of a Task or a TaskRecord that says what is to be done."""
    if isinstance(work, Line):
        access = pb.AccessWork(
            router_id=work.router_id,
            username=work.username,
            wanted=STATES[work.wanted],
            profile=limit.profile,
            address_list=limit.address_list,
        )
        return {"access": access}
    messages = [
        pb.TaskMessage(message_id=one.message_id, phone=one.phone, template=one.template, facts=one.facts)
        for one in work
    ]
    return {"messages": pb.MessageWork(messages=messages)}


def _report(message: pb.TaskReport) -> Report:
    match message.WhichOneof("result"):
        case "access":
            result = _OUTCOMES.get(message.access.outcome)
            if result is None:
                raise InvalidReport(f"task {message.task_id}: no access result")
            name = message.access.router_name[:100]
            return Report(message.task_id, message.fencing_token, message.detail, access=result, router_name=name)
        case "messages":
            return Report(message.task_id, message.fencing_token, message.detail, accepted=message.messages.accepted)
        case "release":
            return Report(message.task_id, message.fencing_token, message.detail)
        case _:
            raise InvalidReport(f"task {message.task_id}: no result")
