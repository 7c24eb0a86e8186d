"""Tells a rush of payments from ordinary times. Counts; knows neither payments nor what is done about a rush."""

import time
from collections.abc import Callable

# What two small cores carry out in full, with line and messages, while they take it in.
_CALM_PER_SECOND = 400.0
# A stall that lets some payments pile up is no rush yet.
_RUSH = 60.0
_FULL = 80.0


class Rush:
    """A leaky bucket: it fills while more comes in than drains at the calm rate. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._level = 0.0
        self._at = clock()

    def joined_by(self, count: int) -> None:
        """So many have just come in."""
        self._leak()
        self._level = min(self._level + count, _FULL)

    @property
    def is_on(self) -> bool:
        """Whether more comes in than can be carried out meanwhile; ends a twentieth of a second after a rush."""
        self._leak()
        return self._level > _RUSH

    def _leak(self) -> None:
        now = self._clock()
        self._level = max(self._level - (now - self._at) * _CALM_PER_SECOND, 0.0)
        self._at = now
