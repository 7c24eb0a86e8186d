"""Puts the dispatcher together: a loop for lines and one for messages, each at a beat of its own."""

import asyncio
from collections.abc import Callable

from gateway.clients.channels import Clients
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
        # Each reports for itself: a line that is on should not wait for hundreds of messages to be written down.
        on_lines, on_messages = (Reporter(clients.tasks, pace, stopping) for _ in range(2))
        access = AccessCarrier(clients.router_control, on_lines, pace, stopping, self._router_freed)
        messages = MessageCarrier(clients.notify, on_messages, pace, stopping)
        self._stopping = stopping
        self._rushing = rushing
        # A line that was confirmed has a message to follow.
        self._messages = Loop(clients.tasks, messages, pace, owner, stopping, self._lines_go_first)
        self._access = Loop(clients.tasks, access, pace, owner, stopping, rushing, self._messages.wake)

    def wake(self) -> None:
        """There may be work: look soon."""
        self._access.wake()
        self._messages.wake()

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way."""
        await asyncio.gather(self._wake_to_stop(), self._access.run(), self._messages.run())

    def _router_freed(self) -> None:
        self._access.wake()

    def _lines_go_first(self) -> bool:
        return self._rushing() or self._access.is_behind

    async def _wake_to_stop(self) -> None:
        await self._stopping.wait()
        self.wake()
