"""What waits for a person, as billing counts it: asked seldom, so that a probe each second costs billing nothing."""

import time

from gateway.clients.billing import Billing, Waiting
from gateway.errors import CallFailed

_SECONDS = 1.0
_FRESH_FOR = 5.0


class Counts:
    """Remembers the last answer, or that there was none, for some seconds."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing
        self._known: Waiting | None = None
        self._until = 0.0

    async def get(self) -> Waiting | None:
        """What waits; None while billing is away."""
        if time.monotonic() >= self._until:
            # Whoever asks meanwhile is told what was known.
            self._until = time.monotonic() + _FRESH_FOR
            try:
                self._known = await self._billing.count_waiting(_SECONDS)
            except CallFailed:
                self._known = None
        return self._known
