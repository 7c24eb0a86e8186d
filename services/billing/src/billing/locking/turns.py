"""Lets threads of this process that want the same row go one after the other, in the order in which they came."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition

from servicekit.rpc import call

from billing.locking.rules import Row, RowsLocked

_MAX_WAIT = 10.0


class Turns:
    """Who has which rows, and who waits for them."""

    def __init__(self) -> None:
        self._numbers = count()
        self._wanted: dict[int, frozenset[Row]] = {}  # in order
        self._changed = Condition()

    @contextmanager
    def of(self, rows: frozenset[Row]) -> Iterator[None]:
        """Have all the rows to oneself. Raises RowsLocked at the caller's deadline."""
        number = next(self._numbers)
        with self._changed:
            self._wanted[number] = rows
        try:
            with self._changed:
                waits = min(call.remaining(), _MAX_WAIT)
                if not self._changed.wait_for(lambda: self._is_next(number), waits):
                    raise RowsLocked(rows)
            yield
        finally:
            with self._changed:
                del self._wanted[number]
                self._changed.notify_all()

    def _is_next(self, number: int) -> bool:
        mine = self._wanted[number]
        return all(mine.isdisjoint(rows) for other, rows in self._wanted.items() if other < number)
