"""Pauses after failures, and waiting that can be cut short."""

import asyncio
import contextlib
import random


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
