"""How many connections there may be, and how long each may keep us waiting. Knows neither HTTP nor sockets.

A connection waits while the next move is its peer's: to send a request's head, or to fetch an answer. Whoever waits may
be closed to make a place, the oldest first, and is closed when its time is up; whoever is being answered never is.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import structlog

log = structlog.get_logger()

# In seconds. Strangers can provoke as many of these events as they like; the log gets one line a while with counts.
_TELL_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may take. `wait`: seconds; `framing_bytes`: of one request, all but its body."""

    connections: int = 4_000
    wait: float = 10.0
    framing_bytes: int = 64 * 1024
    headers: int = 100
    requests_at_once: int = 20  # on one connection, before the first is answered


class Closable(Protocol):
    """A connection, as its limiter sees it."""

    def end_wait(self, *, timed_out: bool) -> None:
        """Close: its time is up, or its place is needed."""


class ConnectionLimiter:
    """The connections of one server. Belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: set[Closable] = set()
        self._waiting: dict[Closable, float] = {}  # since when; the oldest first
        self._counts: Counter[str] = Counter()
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, connection: Closable) -> bool:
        """Whether there is a place for a new connection, which then waits."""
        if len(self._open) >= self.limits.connections and not self._close_oldest():
            self.count("refused_over_limit")
            return False
        self._open.add(connection)
        self.waits(connection)
        return True

    def waits(self, connection: Closable) -> None:
        """From now on the next move is its peer's."""
        self.works(connection)
        self._waiting[connection] = asyncio.get_running_loop().time()
        self._keep_watch()

    def works(self, connection: Closable) -> None:
        """The next move is ours."""
        self._waiting.pop(connection, None)

    def leave(self, connection: Closable) -> None:
        """It is closed, or as good as closed."""
        self._open.discard(connection)
        self.works(connection)

    def count(self, what: str) -> None:
        """Remember something that the log is to tell of."""
        self._counts[what] += 1
        self._keep_watch()

    def _close_oldest(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        self.count("closed_over_limit")
        oldest.end_wait(timed_out=False)
        return True

    def _keep_watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.limits.wait / 10, self._watch)

    def _watch(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in [one for one, since in self._waiting.items() if since + self.limits.wait <= now]:
            self.works(connection)
            connection.end_wait(timed_out=True)
        if self._counts and now >= self._told_at + _TELL_EVERY:
            log.warning("connections_cut", open=len(self._open), **self._counts)
            self._counts.clear()
            self._told_at = now
        if self._waiting or self._counts:
            self._keep_watch()
