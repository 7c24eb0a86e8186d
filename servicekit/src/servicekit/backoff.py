"""The one rule for how long to wait after failures in a row: doubled each time up to a bound, spread at random.

Half of each pause is random, so that many who failed together do not come back together. Pure but for the dice.

    pause(failures, first=1, longest=60)    # seconds, from 1 failure on; keeps nothing
    backoff = Backoff(first=1, longest=60)  # counts itself: failed() answers the pause, succeeded() forgets
"""

import random

# Doubling more often would only make numbers that no bound needs.
_MAX_DOUBLINGS = 30


def pause(failures: int, *, first: float, longest: float, dice: float | None = None) -> float:
    """Seconds to wait after so many failures in a row, 1 or more: between half of the doubled time and all of it.

    `first`: the bound after one failure; `longest`: the bound for ever. `dice`: from 0 to 1; by default thrown.
    """
    thrown = random.random() if dice is None else dice  # noqa: S311  # spreads load, guards nothing
    return min(longest, first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)) * (1 + thrown) / 2


class Backoff:
    """Counts failures in a row, and says how long to pause after each."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; how long to pause now, in seconds."""
        self._failures += 1
        return pause(self._failures, first=self._first, longest=self._longest)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0
