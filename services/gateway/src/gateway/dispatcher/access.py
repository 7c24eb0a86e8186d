"""Switches lines: one call a router for all of its waiting customers, many routers side by side."""

from collections import defaultdict
from collections.abc import Sequence

from servicekit.rpc.errors import DeadlineExceeded, ServiceError

from gateway.clients.router_control import RouterControl
from gateway.clients.tasks import AccessTask, Report
from gateway.dispatcher.limits import DispatchLimits


class AccessWorker:
    """A router has at most one call at a time: `busy_routers` are those whose call is planned or under way."""

    def __init__(self, router_control: RouterControl, limits: DispatchLimits) -> None:
        self.interval = self.busy_interval = limits.access_interval
        self.calls_at_once = limits.max_routers_at_once
        self.deadline = limits.access_deadline
        self.busy_routers: set[int] = set()
        self._router_control = router_control

    def split(self, tasks: Sequence[AccessTask]) -> list[list[AccessTask]]:
        """The tasks of each router, which is busy from now on until they have ended."""
        by_router: dict[int, list[AccessTask]] = defaultdict(list)
        for task in tasks:
            by_router[task.router_id].append(task)
        self.busy_routers.update(by_router)
        return list(by_router.values())

    async def call(self, tasks: Sequence[AccessTask]) -> list[Report]:
        """Switch the lines of one router. Raises ServiceError."""
        try:
            return await self._router_control.switch(tasks)
        except DeadlineExceeded:
            return [Report(task, "no answer in time", outcome="TIMED_OUT") for task in tasks]

    def refused(self, task: AccessTask, error: ServiceError) -> Report:
        """A line that router-control does not accept."""
        return Report(task, f"{error.service}: {error.told}", outcome="ROUTER_ERROR")

    def ended(self, tasks: Sequence[AccessTask]) -> None:
        """The router is free, whatever became of the call."""
        self.busy_routers.discard(tasks[0].router_id)
