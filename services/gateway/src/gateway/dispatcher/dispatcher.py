"""Puts the dispatcher together: a loop for lines and one for messages, which do not wait for each other."""

import asyncio

from gateway.clients.channels import Clients
from gateway.dispatcher.access import AccessCarrier
from gateway.dispatcher.loop import Loop
from gateway.dispatcher.messages import MessageCarrier
from gateway.dispatcher.pace import Pace
from gateway.dispatcher.reports import Reporter


class Dispatcher:
    """Carries out tasks until `stopping` is set; see Loop for `owner`."""

    def __init__(self, clients: Clients, owner: str, stopping: asyncio.Event, pace: Pace) -> None:
        # Each reports for itself: a line that is on should not wait for hundreds of messages to be written down.
        on_lines, on_messages = (Reporter(clients.tasks, pace, stopping) for _ in range(2))
        access = AccessCarrier(clients.router_control, on_lines, pace, stopping, self._router_freed)
        messages = MessageCarrier(clients.notify, on_messages, pace, stopping)
        self._access = Loop(clients.tasks, access, pace, owner, stopping)
        self._messages = Loop(clients.tasks, messages, pace, owner, stopping)

    async def run(self) -> None:
        """Work until `stopping` is set, then finish what is under way."""
        await asyncio.gather(self._access.run(), self._messages.run())

    def _router_freed(self) -> None:
        self._access.wake()
