"""Leases due tasks of one kind, beat by beat, and hands them to their carriers. Does not wait for them."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from rejesha.billing.v1.task_service_pb2 import LeaseTasksRequest, LeaseTasksResponse, Task, TaskKind

from gateway.backoff import Backoff, jittered, wait_for
from gateway.dispatcher.pace import Beat, Pace
from gateway.dispatcher.reports import Lease
from gateway.errors import from_rpc

if TYPE_CHECKING:
    from rejesha.billing.v1.task_service_pb2_grpc import TaskServiceAsyncStub

log = structlog.get_logger()

_LEASE_CALL_SECONDS = 5.0
_MOMENT = 0.05
# A full round says that there is more to do, for as long as it takes to carry it out.
_BEHIND_SECONDS = 0.5


class Carrier(Protocol):
    """Carries tasks of one kind out."""

    kind: TaskKind.ValueType
    beat: Beat

    @property
    def busy_routers(self) -> Collection[int]:
        """Routers whose tasks must wait until those under way are done."""
        ...

    def plan(self, tasks: Sequence[Task], lease: Lease) -> Iterator[tuple[Coroutine[Any, Any, None], int]]:
        """The work in pieces that may go on side by side, and how many tasks each holds."""
        ...


class Loop:
    """Keeps one carrier busy until `stopping` is set.

    `owner` names this process in billing's records; any number of processes may do this side by side. `rushing` says
    whether something that should go first needs the machine so badly that this should stand back; `done` is called when
    work ends.
    """

    def __init__(
        self,
        tasks: "TaskServiceAsyncStub",
        carrier: Carrier,
        pace: Pace,
        owner: str,
        stopping: asyncio.Event,
        rushing: Callable[[], bool],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._tasks = tasks
        self._carrier = carrier
        self._pace = pace
        self._owner = owner
        self._stopping = stopping
        self._rushing = rushing
        self._done = done
        self._awake = asyncio.Event()
        self._last_round = 0.0
        self._held = 0
        self._last_full_round = -_BEHIND_SECONDS
        self._more_may_be_due = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(pace.first_pause, pace.max_pause)

    def wake(self) -> None:
        """There may be work: look at the next beat."""
        self._awake.set()

    @property
    def is_behind(self) -> bool:
        """Whether so many tasks are due that rounds are full, and there is one yet to be carried out."""
        recently = asyncio.get_running_loop().time() < self._last_full_round + _BEHIND_SECONDS
        return recently and (self._more_may_be_due or self._held > 0)

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way and give back what is not."""
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                pause = await self._round()
            except Exception:
                # A loop that ended would leave paid lines off without a word.
                log.exception("dispatcher_round_broken")
                pause = self._backoff.failed()
            await wait_for(self._awake, pause)
            await self._keep_the_beat()
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _keep_the_beat(self) -> None:
        """Let rounds begin some time apart, so that each one finds more to do: a round costs the same for many."""
        beat, now = self._carrier.beat, asyncio.get_running_loop().time
        while not self._stopping.is_set():
            left = self._last_round + self._gap(beat) - now()
            if left <= 0:
                return
            await wait_for(self._stopping, min(left, _MOMENT))

    def _gap(self, beat: Beat) -> float:
        if self._rushing():
            return beat.courtesy
        # Another full round costs no less for having waited; but one waiting here is enough.
        full = self._last_round == self._last_full_round and self._held <= self._pace.max_tasks
        return 0 if full else beat.gap

    async def _round(self) -> float:
        """Lease and hand out once; how long to wait before the next round, in seconds."""
        busy = sorted(self._carrier.busy_routers)
        if self._held >= self._pace.max_tasks_held or len(busy) > self._pace.max_routers_held:
            return jittered(self._pace.poll)
        self._last_round = asyncio.get_running_loop().time()
        lease = Lease(self._last_round + self._pace.lease)
        try:
            response = await self._lease_tasks(busy)
        except grpc.aio.AioRpcError as error:
            pause = self._backoff.failed()
            log.warning("lease_failed", reason=from_rpc("billing", error).reason, pause=round(pause, 2))
            return pause
        self._backoff.succeeded()
        self._note_how_full(response, all_asked_for=not busy)
        for work, size in self._carrier.plan(response.tasks, lease):
            self._start(work, size)
        return self._pause_after(response)

    def _note_how_full(self, response: LeaseTasksResponse, *, all_asked_for: bool) -> None:
        if len(response.tasks) >= self._pace.max_tasks:
            self._last_full_round = self._last_round
        self._more_may_be_due = not (all_asked_for and response.next_due_in.ToMicroseconds())

    async def _lease_tasks(self, busy_routers: Sequence[int]) -> LeaseTasksResponse:
        duration = Duration()
        duration.FromMicroseconds(int(self._pace.lease * 1e6))
        request = LeaseTasksRequest(
            owner=self._owner[:100],
            max_tasks=self._pace.max_tasks_in_a_rush if self._rushing() else self._pace.max_tasks,
            lease_duration=duration,
            busy_router_ids=busy_routers,
            kind=self._carrier.kind,
        )
        return await self._tasks.LeaseTasks(request, timeout=_LEASE_CALL_SECONDS)

    def _pause_after(self, response: LeaseTasksResponse) -> float:
        announced = response.next_due_in.ToMicroseconds() / 1e6
        if announced == 0:
            # More is due; but if we got nothing, it waits for a router that we are busy with, or someone else
            # has it. The busy router wakes us when it is done; asking again at once would only burden billing.
            return 0 if response.tasks else jittered(self._pace.poll)
        return min(announced, jittered(self._pace.poll))

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
            self._done()

        task.add_done_callback(end)
