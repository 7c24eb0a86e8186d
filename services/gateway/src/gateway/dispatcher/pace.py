"""How fast the dispatcher goes, and how it slows down while a service is away."""

import asyncio
import contextlib
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Times in seconds. A lease must outlast a call by far, or a slow router's tasks would be carried twice."""

    lease: float = 30.0
    # No call starts unless its whole deadline and then `margin`, for the report, fit into the lease.
    access_deadline: float = 15.0
    message_deadline: float = 10.0
    report_deadline: float = 5.0
    margin: float = 2.0
    # How long to wait for work that nobody announced.
    poll: float = 1.0
    # Pauses while a service is away: doubled from the first to the longest.
    first_pause: float = 0.25
    longest_pause: float = 8.0
    max_tasks: int = 500
    # Stop leasing while so many tasks wait here.
    most_tasks_held: int = 2000
    most_routers_at_once: int = 64
    most_message_calls_at_once: int = 2


class Backoff:
    """The pauses after failures in a row, with jitter so that many callers do not come back at once."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; how long to pause now."""
        pause = min(self._longest, self._first * 2 ** min(self._failures, 20))
        self._failures += 1
        return jittered(pause)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0


def jittered(seconds: float) -> float:
    """Half to one and a half times as long."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311  # not for secrets


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, but not longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
