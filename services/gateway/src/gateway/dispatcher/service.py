"""Puts the dispatcher together: lines and messages are leased and reported apart, and do not wait for each other."""

import asyncio
import os
import socket

from gateway.clients.channels import Clients
from gateway.clients.drift import Drift
from gateway.clients.lines import Lines
from gateway.clients.message_tasks import MessageTask, MessageTasks
from gateway.clients.notify import Notify
from gateway.clients.router_control import RouterControl
from gateway.clients.tasks import AccessTask
from gateway.dispatcher.access import AccessWorker
from gateway.dispatcher.calls import Calls, Reporter
from gateway.dispatcher.checker import Checker
from gateway.dispatcher.leases import LeaseLoop
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.messages import MessageWorker
from gateway.dispatcher.sweeper import Sweeper


def owner() -> str:
    """What this process is called in billing's records of leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Dispatcher:
    """Carries out tasks until `stopping` is set; any number of processes may do so side by side."""

    def __init__(self, clients: Clients, owner: str, stopping: asyncio.Event, limits: DispatchLimits) -> None:
        tasks = MessageTasks(clients.tasks, owner, lease_seconds=limits.lease, report_deadline=limits.report_deadline)
        access = AccessWorker(RouterControl(clients.router_control, deadline=limits.access_deadline), limits)
        messages = MessageWorker(Notify(clients.notify, deadline=limits.message_deadline), limits)
        # A line that is on should not wait for hundreds of messages to be reported.
        on_lines, on_messages = (Reporter(tasks, limits, stopping) for _ in range(2))
        calm = asyncio.Event()
        calm.set()
        switching = Calls[AccessTask](access, on_lines, limits, stopping)
        sending = Calls[MessageTask](messages, on_messages, limits, stopping)
        self._access = LeaseLoop[AccessTask](tasks.lease_access, switching, limits, stopping, calm)
        self._messages = LeaseLoop[MessageTask](
            tasks.lease_messages, sending, limits, stopping, calm, first=self._access
        )  # fmt: skip
        drift = Drift(clients.router_control, clients.drift, deadline=limits.check_deadline)
        self._checker = Checker(drift, limits, stopping, calm, lambda: switching.busy_routers)
        self._sweeper = Sweeper(Lines(clients.lines, deadline=limits.sweep_deadline), limits, stopping, calm)

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way and give back what is not."""
        await asyncio.gather(self._access.run(), self._messages.run(), self._sweeper.run(), self._checker.run())
