"""Keeps a row that somebody else's transaction holds from holding up those who do not need it.

Knows which rows are held, and how long a transaction may wait for one. Decides nothing about payments.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Lock
from typing import TypeVar

import structlog
from servicekit.database import transact
from servicekit.rpc import call
from sqlalchemy import Engine

from billing.locking.rules import Row, RowsLocked
from billing.locking.store.held import find_held

T = TypeVar("T")

log = structlog.get_logger()

# Seconds that a locking read waits for somebody else's transaction: longer than another billing needs for a batch.
LOCK_WAIT = 0.15
# When no row turns out to be held, the wait is made longer, up to this: perhaps the database is only slow.
MAX_LOCK_WAIT = 2.0
_LONGER = 4
# Only a row that is found held twice, so many seconds apart, counts: our own reports hold customers for a moment.
_CONFIRMED_AFTER = 0.05
# How long a row counts as held until it is looked at again, in seconds.
RECHECK_AFTER = 0.5
# How long a transaction stands in this process's own queue, in seconds.
_MAX_QUEUE_WAIT = 10.0


class RowQueue:
    """Has this process's own transactions that want the same rows go one after the other, in the order of coming.

    What is waited for here is not waited for in the database, so that a wait there is a wait for somebody else.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._wanted: dict[int, frozenset[Row]] = {}
        self._changed = Condition()

    @contextmanager
    def turn(self, rows: frozenset[Row]) -> Iterator[None]:
        """Have all the rows to oneself. Raises RowsLocked at the caller's deadline."""
        number = next(self._numbers)
        with self._changed:
            self._wanted[number] = rows
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: self._is_next(number), min(call.remaining(), _MAX_QUEUE_WAIT)):
                    raise RowsLocked(rows)
            yield
        finally:
            with self._changed:
                del self._wanted[number]
                self._changed.notify_all()

    def _is_next(self, number: int) -> bool:
        mine = self._wanted[number]
        return all(mine.isdisjoint(rows) for other, rows in self._wanted.items() if other < number)


@dataclass(frozen=True)
class Locking:
    """How one transaction gets at rows that others want too; by itself: it waits as long as the database lets it.

    `held`: rows to do without. `seconds`: how long each locking read may wait. `turns`: its places in the queue.
    """

    held: AbstractSet[Row] = frozenset()
    seconds: float | None = None
    shared: "HeldRows | None" = None
    turns: ExitStack = field(default_factory=ExitStack)

    def needs_held(self, rows: Iterable[Row]) -> bool:
        """Whether one of the rows is held."""
        return bool(self.held) and not self.held.isdisjoint(rows)

    def queue(self, rows: Iterable[Row]) -> None:
        """Wait for this process's own transactions that want the same rows.

        Raises RowsLocked, also for those that one of them waited for in vain meanwhile.
        """
        if self.shared:
            wanted = frozenset(rows) - self.held
            self.turns.enter_context(self.shared.queue.turn(wanted))
            if held := self.shared.known_among(wanted):
                raise RowsLocked(held)

    def restart(self) -> None:
        """The transaction begins anew: leave the queue."""
        self.turns.close()


class HeldRows:
    """The rows that others hold, as far as this process has noticed: one for each process. Forgets by itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.queue = RowQueue()
        self._held_at: dict[Row, float] = {}  # when each was last found held
        self._guard = Lock()
        self._one_looks = Lock()  # two who look at once would take each other for the holder

    def work_around(self, work: Callable[[Locking], T]) -> T:
        """Run a transaction, and again without the rows that turn out to be held.

        Raises RowLocked if that does not help.
        """
        held, seconds = self._still_held(), LOCK_WAIT
        while True:
            with ExitStack() as turns:
                try:
                    return work(Locking(held, seconds, self, turns))
                except RowsLocked as error:
                    found = (self.known_among(error.rows) or self._look_at(error.rows, twice=True)) - held
                    if not found and (seconds >= MAX_LOCK_WAIT or call.remaining() <= 0):
                        raise
            held, seconds = (held | found, seconds) if found else (held, seconds * _LONGER)

    def known_among(self, rows: Iterable[Row]) -> frozenset[Row]:
        """Those of the rows that are held, as far as is known."""
        with self._guard:
            return frozenset(row for row in rows if row in self._held_at)

    def _still_held(self) -> frozenset[Row]:
        """Rows that are held; one thread at a time looks again at those that were found so a while ago."""
        with self._guard:
            now = time.monotonic()
            due = [row for row, at in self._held_at.items() if now - at > RECHECK_AFTER]
            self._held_at.update(dict.fromkeys(due, now))
        if due:
            self._look_at(due)
        with self._guard:
            return frozenset(self._held_at)

    def _look_at(self, rows: Collection[Row], *, twice: bool = False) -> frozenset[Row]:
        """Those of the rows that are held now."""
        with self._one_looks:
            held = self._find(rows)
            if held and twice:
                time.sleep(_CONFIRMED_AFTER)
                held = self._find(held)
        with self._guard:
            before = len(self._held_at)
            for row in rows:
                self._held_at.pop(row, None)
            self._held_at.update(dict.fromkeys(held, time.monotonic()))
            if len(self._held_at) != before:
                log.warning("rows_held", count=len(self._held_at), kinds=sorted({str(row.kind) for row in held}))
        return held

    def _find(self, rows: Collection[Row]) -> frozenset[Row]:
        return frozenset(transact(self._engine, lambda connection: find_held(connection, rows)))
