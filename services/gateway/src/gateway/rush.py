"""Tells a rush of payments from ordinary times. Counts; knows neither payments nor what is done about a rush."""

import time
from collections.abc import Callable

# What two small cores carry out in full, with line and messages, while they take it in.
_CALM_PER_SECOND = 400.0
# A stall that lets some payments pile up is no rush yet.
_RUSH = 60.0
# So much that a rush outlasts its slowest batch; it ends when nothing has been under way for a moment.
_FULL = 160.0
_MOMENT = 0.03


class Rush:
    """A leaky bucket: it fills while more comes in than drains at the calm rate.

    `under_way` says whether something is just being taken in; `clock`: seconds.
    """

    def __init__(self, under_way: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._under_way = under_way
        self._clock = clock
        self._level = 0.0
        self._at = self._joined_at = clock()

    def joined_by(self, count: int) -> None:
        """So many have just come in."""
        self._leak()
        self._joined_at = self._at
        self._level = min(self._level + count, _FULL)

    @property
    def is_on(self) -> bool:
        """Whether more comes in than can be carried out meanwhile."""
        self._leak()
        return self._level > _RUSH and (self._under_way() or self._at < self._joined_at + _MOMENT)

    def _leak(self) -> None:
        now = self._clock()
        self._level = max(self._level - (now - self._at) * _CALM_PER_SECOND, 0.0)
        self._at = now
