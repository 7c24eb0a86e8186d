"""Switches lines: one SetAccess a router for all of its waiting customers."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from rejesha.billing.v1 import task_service_pb2 as billing_pb
from rejesha.billing.v1.task_service_pb2 import AccessReport, Task, TaskReport
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb

from gateway.backoff import Backoff, wait_for
from gateway.batching import carry_all
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Lease, Reporter, released
from gateway.errors import Broken, CallFailed, Refused, TimedOut, from_rpc

if TYPE_CHECKING:
    from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceAsyncStub

log = structlog.get_logger()

_MAX_USERS = 1000
_MAX_DETAIL = 500

# The two services use the same words; each names them in its own contract.
_OUTCOMES = {
    outcome: billing_pb.AccessOutcome.Value(name)
    for name, outcome in router_pb.AccessOutcome.items()
    if outcome != router_pb.ACCESS_OUTCOME_UNSPECIFIED
}


def plan_calls(tasks: Sequence[Task]) -> list[list[Task]]:
    """A router's tasks as calls to be made one after the other, in order of creation.

    A call holds each user at most once, or several times with the same wish, which is then asked for once. A user
    who is to be switched on and then off gets the second wish in a later call, so that the newest wish stays.
    """
    calls: list[list[Task]] = []
    wishes: list[dict[str, bool]] = []
    earliest: dict[str, int] = {}
    for task in sorted(tasks, key=lambda task: task.task_id):
        user, wish = task.access.username, task.access.enabled
        index = earliest.get(user, 0)
        while index < len(calls) and not _fits(wishes[index], user, wish=wish):
            index += 1
        if index == len(calls):
            calls.append([])
            wishes.append({})
        calls[index].append(task)
        wishes[index][user] = wish
        earliest[user] = index
    return calls


def _fits(wishes: dict[str, bool], user: str, *, wish: bool) -> bool:
    return wishes[user] == wish if user in wishes else len(wishes) < _MAX_USERS


class AccessCarrier:
    """Carries the access tasks of one router at a time each, and of many routers side by side.

    `freed` is called when a router can have its next tasks.
    """

    kind = billing_pb.TASK_KIND_SET_ACCESS

    def __init__(
        self,
        stub: "RouterControlServiceAsyncStub",
        reporter: Reporter,
        pace: Pace,
        stopping: asyncio.Event,
        freed: Callable[[], None],
    ) -> None:
        self.interval = pace.access_interval
        self._stub = stub
        self._reporter = reporter
        self._pace = pace
        self._stopping = stopping
        self._freed = freed
        self._slots = asyncio.Semaphore(pace.max_routers_at_once)
        self._backoff = Backoff(pace.first_pause, pace.max_pause)
        self.busy_routers: set[int] = set()

    def plan(self, tasks: Sequence[Task], lease: Lease) -> Iterator[tuple[Coroutine[Any, Any, None], int]]:
        """A piece of work for each router."""
        by_router: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            by_router[task.access.router_id].append(task)
        for router_id, waiting in by_router.items():
            self.busy_routers.add(router_id)
            yield self._carry(router_id, waiting, lease), len(waiting)

    async def _carry(self, router_id: int, tasks: Sequence[Task], lease: Lease) -> None:
        """Switch the lines of one router and report. Never raises for what a router or service does."""
        try:
            unreported = await self._switch_all(router_id, tasks, lease)
        finally:
            # The router is free, whatever billing makes of the report: its next customers need not wait for that.
            self.busy_routers.discard(router_id)
            self._freed()
        await self._reporter.report(unreported, lease)

    async def _switch_all(self, router_id: int, tasks: Sequence[Task], lease: Lease) -> Sequence[TaskReport]:
        """Make the calls; the last one's reports, if there is anything to report yet."""
        calls = plan_calls(tasks)
        while True:
            try:
                reports = await self._call(router_id, calls[0], lease)
            except CallFailed as error:
                await self._stand_back(router_id, [task for call in calls for task in call], lease, error)
                return []
            if len(calls) == 1:
                return reports
            await self._reporter.report(reports, lease)
            calls.pop(0)

    async def _call(self, router_id: int, tasks: Sequence[Task], lease: Lease) -> list[TaskReport]:
        async with self._slots:
            if self._stopping.is_set() or lease.left < self._pace.access_deadline + self._pace.margin:
                return [released(task, "not started in time") for task in tasks]

            async def switch(tasks: Sequence[Task]) -> list[TaskReport]:
                return await self._switch(router_id, tasks)

            reports = await carry_all(tasks, switch, _router_error)
        self._backoff.succeeded()
        return reports

    async def _switch(self, router_id: int, tasks: Sequence[Task]) -> list[TaskReport]:
        wishes = {task.access.username: task.access.enabled for task in tasks}
        request = router_pb.SetAccessRequest(
            router_id=router_id, changes=[_change(username, enabled=wish) for username, wish in wishes.items()]
        )
        try:
            response = await self._stub.SetAccess(request, timeout=self._pace.access_deadline)
        except grpc.aio.AioRpcError as error:
            failure = from_rpc("router-control", error)
            if isinstance(failure, TimedOut):
                return [_report(task, billing_pb.ACCESS_OUTCOME_TIMED_OUT, "no answer in time") for task in tasks]
            raise failure from None
        results = {result.username: result for result in response.results}
        return [_reported(task, results.get(task.access.username), response.router_name) for task in tasks]

    async def _stand_back(self, router_id: int, tasks: Sequence[Task], lease: Lease, error: CallFailed) -> None:
        """router-control is away: keep the router's tasks for a while, then give them back untried."""
        pause = min(self._backoff.failed(), max(0.0, lease.left - self._pace.margin))
        log.warning("access_postponed", router_id=router_id, tasks=len(tasks), reason=error.reason)
        await wait_for(self._stopping, pause)
        await self._reporter.report([released(task, str(error)) for task in tasks], lease)


def _change(username: str, *, enabled: bool) -> router_pb.AccessChange:
    access = router_pb.ACCESS_ENABLED if enabled else router_pb.ACCESS_DISABLED
    return router_pb.AccessChange(username=username, access=access)


def _reported(task: Task, result: router_pb.AccessResult | None, router_name: str) -> TaskReport:
    if result is None:
        return _report(task, billing_pb.ACCESS_OUTCOME_ROUTER_ERROR, "no result for this user", router_name)
    known = _OUTCOMES.get(result.outcome)
    if known is None:
        return _report(task, billing_pb.ACCESS_OUTCOME_ROUTER_ERROR, f"outcome {result.outcome}", router_name)
    return _report(task, known, result.detail, router_name)


def _router_error(task: Task, error: Refused | Broken) -> TaskReport:
    return _report(task, billing_pb.ACCESS_OUTCOME_ROUTER_ERROR, f"{error}: {error.detail}")


def _report(task: Task, outcome: billing_pb.AccessOutcome.ValueType, detail: str, router_name: str = "") -> TaskReport:
    return TaskReport(
        task_id=task.task_id,
        fencing_token=task.fencing_token,
        detail=detail[:_MAX_DETAIL],
        access=AccessReport(outcome=outcome, router_name=router_name),
    )
