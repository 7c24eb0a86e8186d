"""Where a process is between its start and its end; every part that must stop in order looks here."""

import asyncio


class Lifecycle:
    """`stopping` is set once and never cleared."""

    def __init__(self) -> None:
        self.started = False
        self.stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether new work should come here."""
        return self.started and not self.stopping.is_set()
