"""Puts the dispatcher together: a loop for lines and one for messages, each at a beat of its own."""

import asyncio
from collections.abc import Callable

from gateway.clients import Clients
from gateway.dispatcher.access import AccessCarrier
from gateway.dispatcher.loop import Loop
from gateway.dispatcher.messages import MessageCarrier
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Reporter


class Dispatcher:
    """Carries out tasks until `stopping` is set; see Loop for `owner` and `rushing`."""

    def __init__(
        self,
        clients: Clients,
        owner: str,
        stopping: asyncio.Event,
        pace: Pace,
        rushing: Callable[[], bool] = lambda: False,
    ) -> None:
        reporter = Reporter(clients.tasks, pace, stopping)
        access = AccessCarrier(clients.router_control, reporter, pace, stopping)
        messages = MessageCarrier(clients.notify, reporter, pace, stopping)
        self._stopping = stopping
        # A line that was confirmed has a message to follow, and its router may have new customers: both look again.
        self._loops = [
            Loop(clients.tasks, carrier, pace, owner, stopping, rushing, self.wake) for carrier in (access, messages)
        ]

    def wake(self) -> None:
        """There may be work: look soon."""
        for loop in self._loops:
            loop.wake()

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way."""
        await asyncio.gather(self._wake_to_stop(), *(loop.run() for loop in self._loops))

    async def _wake_to_stop(self) -> None:
        await self._stopping.wait()
        self.wake()
