"""One connection for each router, kept open and used by one call at a time, so that routers never wait for each other.

Owns whose turn it is, the second attempt on a new connection, and how long a router is left alone after a failure.
The thread that answers an RPC does the work itself.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from servicekit.rpc import call

from router_control.routeros.connection import Connection
from router_control.routeros.errors import (
    AnswerTooLarge,
    CertificateChanged,
    LoginRefused,
    RouterBusy,
    RouterFailure,
    TimedOut,
    Trap,
    Unreachable,
)
from router_control.routeros.identity import Target
from router_control.routeros.protocol import TimeLimit
from servicekit import tracing

log = structlog.get_logger()

_MAX_WAITING = 8
_IDLE_SECONDS = 300.0
# How much of the time left each attempt gets: all but the last leave some to connect anew and read back what a lost
# write has done.
_SHARES = (0.6, 0.6, 1.0)
# A call that came with less time than this and ran out of it says nothing about the router.
_FAIR_SECONDS = 1.0
# How long a router is left alone after a failure. Short, for one that returns must be served soon.
_PAUSE_SECONDS = 1.0
# Routers log each refused login, and some lock out who tries too often.
_LOGIN_PAUSE_SECONDS = 30.0


# Something to do on a router. Must be fit to be carried out again after any failure but a Trap.
Work = Callable[[Connection, TimeLimit], None]


class Link:
    """The connection to one router, and how it failed last. `callers`: how many calls use it or wait for their turn."""

    def __init__(self, router_id: int) -> None:
        self.router_id = router_id
        self.turn = threading.Lock()
        self.callers = 0
        self.used = time.monotonic()
        self._connection: Connection | None = None
        self._failed: tuple[Target, RouterFailure, float] | None = None

    def perform(self, work: Work, target: Target, limit: TimeLimit, *, fresh: bool) -> None:
        """To be called by whoever has the turn. Raises RouterFailure, Cancelled."""
        if fresh:
            self.disconnect()
        elif refusal := self._refusal(target):
            raise refusal
        time_given, self._failed = limit.remaining(), None
        try:
            self._try_hard(work, target, limit)
        except RouterFailure as failure:
            log.info("router_failed", router_id=self.router_id, cause=type(failure).__name__, detail=str(failure))
            if not isinstance(failure, Trap) and (time_given >= _FAIR_SECONDS or limit.remaining()):
                self._failed = target, failure, time.monotonic()
            raise

    @property
    def is_failing(self) -> bool:
        """Whether the last call failed by the router's or the way's fault."""
        return self._failed is not None

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _refusal(self, target: Target) -> RouterFailure | None:
        """Why this target need not be tried now; None lets the call through."""
        if self._failed is None or self._failed[0] != target:
            return None
        _, failure, at = self._failed
        if time.monotonic() >= at + (_LOGIN_PAUSE_SECONDS if isinstance(failure, LoginRefused) else _PAUSE_SECONDS):
            return None
        lasting = isinstance(failure, LoginRefused | CertificateChanged)  # until someone mends it
        kind = type(failure) if lasting else Unreachable
        return kind(f"not tried again yet; the last attempt: {failure}")

    def _try_hard(self, work: Work, target: Target, limit: TimeLimit) -> None:
        """Do the work; when the connection fails under it, again on a new one."""
        for share in _SHARES:
            call.check()
            # A router that cannot be connected to is not asked twice.
            connection = self._connected(target, limit)
            try:
                work(connection, limit.within(share * limit.remaining()))
            except (Trap, AnswerTooLarge):
                raise
            except RouterFailure as failure:
                if share == _SHARES[-1] or not limit.remaining():
                    raise
                log.info("router_tried_again", router_id=self.router_id, cause=type(failure).__name__)
            else:
                return

    def _connected(self, target: Target, limit: TimeLimit) -> Connection:
        if self._connection is None or not self._connection.serves(target):
            self.disconnect()
            self._connection = Connection(target, limit)
        return self._connection


class Pool:
    """The connections to all routers: made when needed, closed after five minutes without use."""

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._links: dict[int, Link] = {}

    def perform(self, router_id: int, work: Work, target: Target, limit: TimeLimit, *, fresh: bool = False) -> None:
        """Do `work` on a router within the limit, when all calls before it are done.

        `fresh`: connect anew, and even though the router is left alone. Raises RouterBusy, RouterFailure, Cancelled.
        """
        with tracing.span("router", router_id=router_id), self._turn(router_id, limit) as link:
            link.perform(work, target, limit, fresh=fresh)

    @property
    def failing(self) -> int:
        """How many routers failed when they were asked last, of those asked within the last minutes."""
        with self._lock:
            return sum(link.is_failing for link in self._links.values())

    def forget(self, router_id: int) -> None:
        """Drop a router's connection after what is under way, and how it failed: it may have been mended."""
        with self._lock:
            self._drop(router_id)

    def close(self) -> None:
        """Drop all connections, each after what is under way on it."""
        with self._lock:
            for router_id in list(self._links):
                self._drop(router_id)

    @contextmanager
    def _turn(self, router_id: int, limit: TimeLimit) -> Iterator[Link]:
        link = self._enter(router_id)
        try:
            if not link.turn.acquire(timeout=limit.remaining()):
                raise TimedOut("the router was busy with other calls")
            try:
                yield link
            finally:
                link.turn.release()
        finally:
            self._leave(link)

    def _enter(self, router_id: int) -> Link:
        with self._lock:
            for idle in [link for link in self._links.values() if self._is_idle(link)]:
                self._drop(idle.router_id)
            link = self._links.setdefault(router_id, Link(router_id))
            if link.callers > _MAX_WAITING:
                raise RouterBusy(f"{_MAX_WAITING} calls wait for router {router_id} already")
            link.callers += 1
            return link

    def _leave(self, link: Link) -> None:
        with self._lock:
            link.callers -= 1
            link.used = time.monotonic()
            if not link.callers and self._links.get(link.router_id) is not link:
                link.disconnect()

    def _drop(self, router_id: int) -> None:
        link = self._links.pop(router_id, None)
        if link and not link.callers:  # else the last of them disconnects it
            link.disconnect()

    def _is_idle(self, link: Link) -> bool:
        return not link.callers and time.monotonic() - link.used > self._idle_seconds
