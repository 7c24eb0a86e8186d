"""Leases due tasks of one kind, round by round, and hands them to their carriers. Does not wait for them."""

import asyncio
from collections.abc import Collection, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from rejesha.billing.v1.task_service_pb2 import LeaseTasksRequest, LeaseTasksResponse, Task, TaskKind

from gateway.backoff import Backoff, wait_for
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Lease
from gateway.errors import from_rpc

if TYPE_CHECKING:
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub

log = structlog.get_logger()

_LEASE_CALL_SECONDS = 5.0


class Carrier(Protocol):
    """Carries tasks of one kind out."""

    kind: TaskKind.ValueType
    # How far apart rounds begin, in seconds, while there is work.
    interval: float

    @property
    def busy_routers(self) -> Collection[int]:
        """Routers whose tasks must wait until those under way are done."""
        ...

    def plan(self, tasks: Sequence[Task], lease: Lease) -> Iterator[tuple[Coroutine[Any, Any, None], int]]:
        """The work in pieces that may go on side by side, and how many tasks each holds."""
        ...


class Loop:
    """Keeps one carrier busy until `stopping` is set.

    `owner` names this process in billing's records; any number of processes may do this side by side.
    """

    def __init__(
        self, tasks: "TaskServiceAsyncStub", carrier: Carrier, pace: Pace, owner: str, stopping: asyncio.Event
    ) -> None:
        self._tasks = tasks
        self._carrier = carrier
        self._pace = pace
        self._owner = owner
        self._stopping = stopping
        self._freed = asyncio.Event()
        self._held = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(pace.first_pause, pace.max_pause)

    def wake(self) -> None:
        """A router is free again, and more may be due for it: do not wait for the next poll."""
        self._freed.set()

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way and give back what is not."""
        while not self._stopping.is_set():
            try:
                await self._round()
            except grpc.aio.AioRpcError as error:
                await self._pause_after(from_rpc("billing", error).reason)
            except Exception:
                # A loop that ended would leave paid lines off without a word.
                log.exception("dispatcher_round_broken")
                await self._pause_after("INTERNAL")
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _pause_after(self, reason: str) -> None:
        pause = self._backoff.failed()
        log.warning("lease_failed", reason=reason, pause=round(pause, 2))
        await wait_for(self._stopping, pause)

    async def _round(self) -> None:
        """Lease and hand out once, and wait until the next round shall begin."""
        began = asyncio.get_running_loop().time()
        self._freed.clear()
        leased = await self._lease_and_start(began)
        if leased >= self._pace.max_tasks:
            return  # more is due
        await wait_for(self._stopping, _left(began + self._carrier.interval))
        if not leased:
            await wait_for(self._freed, _left(began + self._pace.poll))

    async def _lease_and_start(self, now: float) -> int:
        """How many tasks were leased and are under way now; none while as many are held as may be."""
        busy = sorted(self._carrier.busy_routers)
        if self._held >= self._pace.max_tasks_held or len(busy) > self._pace.max_routers_held:
            return 0
        lease = Lease(now + self._pace.lease)
        response = await self._lease_tasks(busy)
        self._backoff.succeeded()
        for work, size in self._carrier.plan(response.tasks, lease):
            self._start(work, size)
        return len(response.tasks)

    async def _lease_tasks(self, busy_routers: Sequence[int]) -> LeaseTasksResponse:
        duration = Duration()
        duration.FromMicroseconds(int(self._pace.lease * 1e6))
        request = LeaseTasksRequest(
            owner=self._owner[:100],
            max_tasks=self._pace.max_tasks,
            lease_duration=duration,
            busy_router_ids=busy_routers,
            kind=self._carrier.kind,
        )
        return await self._tasks.LeaseTasks(request, timeout=_LEASE_CALL_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None], size: int) -> None:
        self._held += size
        task = asyncio.create_task(work)
        self._under_way.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._held -= size
            self._under_way.discard(task)
            if not task.cancelled() and (error := task.exception()):
                # The lease runs out, and the tasks are carried again.
                log.error("carrier_broken", exc_info=error)

        task.add_done_callback(end)


def _left(moment: float) -> float:
    """Seconds until a moment of the loop's clock; none once it has passed."""
    return max(0.0, moment - asyncio.get_running_loop().time())
