"""Keeps a row that somebody else's transaction holds from holding up those who do not need it.

Owns who waits for which row, how long, and which rows are believed to be held. Decides nothing about payments.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TypeVar

import structlog
from servicekit.database import transact
from servicekit.rpc import call
from servicekit.rpc.errors import RowLocked
from sqlalchemy import Connection, Engine

from billing.locking import store as locks
from billing.locking.rules import Row, RowsLocked
from billing.locking.turns import Turns

Item = TypeVar("Item")
T = TypeVar("T")
Find = Callable[[Connection, Collection[Row]], set[Row]]

log = structlog.get_logger()

# What a transaction waits for somebody else's, in seconds: longer than another billing needs for a batch.
MAX_WAIT = 0.15
# A wait without a culprit is made longer each time, up to this: perhaps the database is only slow.
_MAX_WAIT = 2.0
_LONGER = 4
# Only a row that is held at two looks, so many seconds apart, counts: our own reports hold customers for a moment.
_SECOND_LOOK = 0.05
# How long a row counts as held until somebody looks again, in seconds.
BELIEF = 0.5


@dataclass(frozen=True)
class Locking:
    """How one transaction gets at rows that others want too. Without arguments: as the database has it.

    `held`: rows to do without. `seconds`: how long each locking read may wait.
    """

    held: AbstractSet[Row] = frozenset()
    seconds: float | None = None
    queue: Callable[[Connection, Iterable[Row]], None] = field(default=lambda _connection, _rows: None)
    restart: Callable[[], None] = field(default=lambda: None)  # the transaction begins anew

    def needs_held(self, rows: Iterable[Row]) -> bool:
        """Whether one of the rows is held."""
        return bool(self.held) and not self.held.isdisjoint(rows)


def _find_held(connection: Connection, rows: Collection[Row]) -> set[Row]:
    if held := locks.find_held(connection, rows):
        time.sleep(_SECOND_LOOK)
        held = locks.find_held(connection, held)
    return held


class HeldRows:
    """The rows that others hold, as far as this process has noticed: one for each process. Forgets by itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns()
        self._seen_at: dict[Row, float] = {}
        self._guard = Lock()
        self._looking = Lock()  # two who look at once would take each other for the holder

    def work_around(self, work: Callable[[Locking], T]) -> T:
        """Run a transaction, again without those rows that turn out to be held. Raises RowLocked if that does not help.

        Batches of this process wait for each other here and not in the database: there, a wait is for somebody else.
        """
        held, seconds = self._known(), MAX_WAIT
        while True:
            with ExitStack() as turns:
                try:
                    return work(Locking(held, seconds, partial(self._queue, turns, held), turns.close))
                except RowsLocked as error:
                    found = (self._believed(error.rows) or self._look(error.rows)) - held
                    if not found and (seconds >= _MAX_WAIT or call.remaining() <= 0):
                        raise
            held, seconds = (held | found, seconds) if found else (held, seconds * _LONGER)

    def _queue(self, turns: ExitStack, held: AbstractSet[Row], connection: Connection, rows: Iterable[Row]) -> None:
        """Wait for this process's own batches that want the same rows."""
        wanted = frozenset(rows)
        turns.enter_context(self._turns.of(wanted))
        if not self._seen_at:
            return
        with self._guard:
            kinds = {row.kind for row in self._seen_at}
        # Where some rows are held, others of their kind are: an operator's statement may hold all customers of an ISP.
        doubtful = [row for row in wanted - held if row.kind in kinds]
        if news := self._believed(doubtful) or frozenset(_find_held(connection, doubtful)):
            self._remember(news, news)
            raise RowsLocked(news)

    def _known(self) -> frozenset[Row]:
        """Rows that are held; one thread at a time looks again at those that were seen a while ago."""
        if not self._seen_at:
            return frozenset()
        with self._guard:
            now = time.monotonic()
            due = [row for row, at in self._seen_at.items() if now - at > BELIEF]
            self._seen_at.update(dict.fromkeys(due, now))
        if due:
            self._look(due, locks.find_held)
        with self._guard:
            return frozenset(self._seen_at)

    def _believed(self, rows: Iterable[Row]) -> frozenset[Row]:
        with self._guard:
            return frozenset(row for row in rows if row in self._seen_at)

    def _look(self, rows: Collection[Row], find: Find = _find_held) -> frozenset[Row]:
        """Those of the rows that are held now."""
        with self._looking:
            held = transact(self._engine, lambda connection: find(connection, rows))
        self._remember(rows, held)
        return frozenset(held)

    def _remember(self, looked_at: Collection[Row], held: Collection[Row]) -> None:
        with self._guard:
            before = len(self._seen_at)
            for row in looked_at:
                self._seen_at.pop(row, None)
            self._seen_at.update(dict.fromkeys(held, time.monotonic()))
            if len(self._seen_at) != before:
                log.warning("rows_held", count=len(self._seen_at), kinds=sorted({str(row.kind) for row in held}))


def by_halves(items: Sequence[Item], work: Callable[[Sequence[Item]], list[T]]) -> list[T]:
    """Work on all items, or, if a row is held and nobody knows for which of them, on the halves of them apart.

    Raises RowLocked for those that have to wait, when the others are done.
    """
    try:
        return work(items)
    except RowLocked:
        if len(items) == 1 or call.remaining() <= 0:
            raise
    middle = len(items) // 2
    done: list[T] = []
    fault = None
    for half in (items[:middle], items[middle:]):
        try:
            done += by_halves(half, work)
        except RowLocked as error:
            fault = error
    if fault:
        raise fault
    return done
