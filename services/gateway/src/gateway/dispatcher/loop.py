"""The dispatcher's loop: leases due tasks and hands them to their carriers. Does not wait for them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from lipanet.billing.v1.task_service_pb2 import LeaseTasksRequest, LeaseTasksResponse, Task

from gateway.backoff import Backoff, jittered, wait_for
from gateway.clients import Clients
from gateway.dispatcher import messages
from gateway.dispatcher.access import AccessCarrier
from gateway.dispatcher.messages import MessageCarrier
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Lease, Reporter
from gateway.errors import from_rpc

log = structlog.get_logger()

_LEASE_CALL_SECONDS = 5.0
_MOMENT = 0.05


class Dispatcher:
    """Carries out tasks until `stopping` is set.

    `owner` names this process in billing's records. Any number of dispatchers may run side by side. `saturated` says
    whether this process can hardly keep up with taking payments in.
    """

    def __init__(
        self,
        clients: Clients,
        owner: str,
        stopping: asyncio.Event,
        pace: Pace,
        saturated: Callable[[], bool] = lambda: False,
    ) -> None:
        reporter = Reporter(clients.tasks, pace, stopping)
        self._tasks = clients.tasks
        self._access = AccessCarrier(clients.router_control, reporter, pace, stopping)
        self._messages = MessageCarrier(clients.notify, reporter, pace, stopping)
        self._owner = owner
        self._pace = pace
        self._stopping = stopping
        self._saturated = saturated
        self._last_round = 0.0
        self._awake = asyncio.Event()
        self._busy_routers: set[int] = set()
        self._held = 0
        self._carriers: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(pace.first_pause, pace.longest_pause)

    def wake(self) -> None:
        """There may be work: look now."""
        self._awake.set()

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way and give back what is not."""
        watch = asyncio.create_task(self._wake_to_stop())
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                pause = await self._round()
            except Exception:
                # A loop that ended would leave paid lines off without a word.
                log.exception("dispatcher_round_broken")
                pause = self._backoff.failed()
            await wait_for(self._awake, pause)
        await watch
        while self._carriers:
            await asyncio.wait(self._carriers)

    async def _wake_to_stop(self) -> None:
        await self._stopping.wait()
        self._awake.set()

    async def _round(self) -> float:
        """Lease and hand out once; how long to wait before the next round, in seconds."""
        if self._held >= self._pace.most_tasks_held:
            return jittered(self._pace.poll)
        now = asyncio.get_running_loop().time()
        if self._saturated() and now < self._last_round + self._pace.courtesy:
            return _MOMENT
        self._last_round = now
        lease = Lease(now + self._pace.lease)
        try:
            response = await self._lease_tasks()
        except grpc.aio.AioRpcError as error:
            pause = self._backoff.failed()
            log.warning("lease_failed", reason=from_rpc("billing", error).reason, pause=round(pause, 2))
            return pause
        self._backoff.succeeded()
        self._hand_out(response.tasks, lease)
        return self._pause_after(response)

    async def _lease_tasks(self) -> LeaseTasksResponse:
        duration = Duration()
        duration.FromMicroseconds(int(self._pace.lease * 1e6))
        request = LeaseTasksRequest(
            owner=self._owner[:100],
            max_tasks=self._pace.max_tasks,
            lease_duration=duration,
            busy_router_ids=sorted(self._busy_routers),
        )
        return await self._tasks.LeaseTasks(request, timeout=_LEASE_CALL_SECONDS)

    def _pause_after(self, response: LeaseTasksResponse) -> float:
        announced = response.next_due_in.ToMicroseconds() / 1e6
        if announced == 0:
            # More is due; but if we got nothing, it waits for a router that we are busy with, or someone else
            # has it. The busy router wakes us when it is done; asking again at once would only burden billing.
            return 0 if response.tasks else jittered(self._pace.poll)
        return min(announced, jittered(self._pace.poll))

    def _hand_out(self, tasks: Sequence[Task], lease: Lease) -> None:
        by_router: dict[int, list[Task]] = defaultdict(list)
        message_tasks = []
        for task in tasks:
            if task.WhichOneof("work") == "access":
                by_router[task.access.router_id].append(task)
            elif task.WhichOneof("work") == "messages":
                message_tasks.append(task)
            else:  # a newer billing; the lease runs out and a newer dispatcher may know it
                log.error("task_not_understood", task_id=task.task_id)
        for router_id, waiting in by_router.items():
            self._busy_routers.add(router_id)
            self._start(self._carry_access(router_id, waiting, lease), len(waiting))
        for call in messages.plan_calls(message_tasks):
            self._start(self._messages.carry(call, lease), len(call))

    async def _carry_access(self, router_id: int, tasks: Sequence[Task], lease: Lease) -> None:
        try:
            await self._access.carry(router_id, tasks, lease)
        finally:
            self._busy_routers.discard(router_id)

    def _start(self, work: Coroutine[Any, Any, None], size: int) -> None:
        self._held += size
        carrier = asyncio.create_task(work)
        self._carriers.add(carrier)

        def end(carrier: asyncio.Task[None]) -> None:
            self._held -= size
            self._carriers.discard(carrier)
            if not carrier.cancelled() and (error := carrier.exception()):
                # The lease runs out, and the tasks are carried again.
                log.error("carrier_broken", exc_info=error)
            self._awake.set()  # a confirmed line has a message to follow, and the router may have new customers

        carrier.add_done_callback(end)
