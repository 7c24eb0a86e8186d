"""Recording payments goes first: what calls about tasks may take beside it.

A module of its own because two servicers share it: payments say what they record, tasks ask.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Payments come one by one until they come faster than they are recorded: then they share transactions.
MANY = 20
# Between two batches of a burst passes less, in seconds.
MOMENT = 0.1


class Precedence:
    """Knows whether payments come in faster than one by one. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_work = 0
        self._ended = -MOMENT

    @contextmanager
    def recording(self, payments: int) -> Iterator[None]:
        """A batch of so many payments is recorded while the block runs."""
        if payments < MANY:
            yield
            return
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._ended = self._clock()

    @property
    def is_busy(self) -> bool:
        """Whether batches of many payments are being recorded, one after the other."""
        return self._at_work > 0 or self._clock() < self._ended + MOMENT
