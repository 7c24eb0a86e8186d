"""Switches lines: one call a router for all of its waiting customers, many routers side by side."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from servicekit.rpc.errors import ServiceError

from gateway.clients.router_control import RouterControl
from gateway.clients.tasks import AccessTask, Report
from gateway.dispatcher.limits import DispatchLimits


class AccessWorker:
    """A router has at most one call at a time."""

    def __init__(self, router_control: RouterControl, limits: DispatchLimits) -> None:
        self.interval = self.busy_interval = limits.access_interval
        self.calls_at_once = limits.max_routers_at_once
        self.deadline = limits.access_deadline
        self.call = router_control.switch

    def split(self, tasks: Sequence[AccessTask]) -> list[list[AccessTask]]:
        """The tasks of each router."""
        by_router: dict[int, list[AccessTask]] = defaultdict(list)
        for task in tasks:
            by_router[task.router_id].append(task)
        return list(by_router.values())

    def busy_routers(self, pieces: Iterable[Sequence[AccessTask]]) -> Collection[int]:
        """Those of the pieces."""
        return {tasks[0].router_id for tasks in pieces}

    def refused(self, task: AccessTask, error: ServiceError) -> Report:
        """A line that router-control does not accept."""
        return Report(task, f"{error.service}: {error.told}", outcome="ROUTER_ERROR")
