"""Sends a load, open or closed, and gathers what came of it."""

import asyncio
import resource
import time
from collections import Counter, deque
from math import ceil

from benchmarks.load.connection import Connection
from benchmarks.load.plan import Answers, Load
from benchmarks.load.requests import LARGEST, Requests

_TICK = 0.001
_SWEEP = 0.25


class Generator:
    """Runs one load, once. Times are time.monotonic()'s: the loop's own clock ticks in milliseconds."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = Requests(load)
        self._most = min(load.most or LARGEST, LARGEST)
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._overdue: deque[float] = deque()
        self._under_way = 0
        self._failed: Counter[str] = Counter()
        self._accepted = 0
        self._times: list[tuple[float, float]] = []  # when it was answered, how long it took
        self._begin = self._end = 0.0

    async def run(self) -> Answers:
        """Send, wait for the last answers, and tell."""
        await asyncio.gather(*(self._connect() for _ in range(self._load.connections)))
        began, cpu = time.time(), time.process_time()
        self._begin = time.monotonic()
        self._end = self._begin + self._load.seconds
        sweeping = asyncio.create_task(self._sweep())
        await (self._pace(self._load.rate) if self._load.rate else self._keep_busy())
        ended = time.monotonic()
        await self._settle()
        sweeping.cancel()
        return self._tell(began, time.process_time() - cpu, ended)

    async def _connect(self) -> None:
        _, connection = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._load.port)
        self._connections.add(connection)

    async def _keep_busy(self) -> None:
        """The closed loop: every connection sends, and answers send the next."""
        while self._idle and self._may_send():
            self._send(self._idle.popleft(), time.monotonic())
        while self._may_send():  # noqa: ASYNC110  # the clock ends it, mostly
            await asyncio.sleep(_TICK)

    async def _pace(self, rate: float) -> None:
        """The open loop: what is due is sent, or waits for a connection with its time running."""
        moments = (self._begin + number / rate for number in range(min(ceil(rate * self._load.seconds), self._most)))
        coming = next(moments, None)
        while self._may_send():
            now = time.monotonic()
            while coming is not None and coming <= now:
                self._overdue.append(coming)
                coming = next(moments, None)
            self._send_overdue()
            await asyncio.sleep(_TICK)
        # What was due while the loop itself was late must not be forgotten.
        self._overdue.extend(moment for moment in (coming, *moments) if moment is not None)

    def _may_send(self) -> bool:
        return time.monotonic() < self._end and self._requests.made < self._most

    def _send_overdue(self) -> None:
        while self._overdue and self._idle:
            self._send(self._idle.popleft(), self._overdue.popleft())

    def _send(self, connection: Connection, due: float) -> None:
        self._under_way += 1
        connection.send(self._requests.next(), due)

    def idle(self, connection: Connection) -> None:
        """A new connection."""
        self._idle.append(connection)

    def answered(self, connection: Connection, status: int) -> None:
        """An answer came; the connection is free again."""
        now, due = time.monotonic(), connection.due
        assert due is not None
        connection.due = None
        self._under_way -= 1
        if status == 200:
            self._accepted += 1
            self._times.append((now, now - due))
        else:
            self._failed[str(status)] += 1
        if self._load.rate:
            self._idle.append(connection)
            self._send_overdue()
        elif self._load.pause:
            self._loop.call_later(self._load.pause, self._send_again, connection)
        else:
            self._send_again(connection)

    def _send_again(self, connection: Connection) -> None:
        if self._may_send():
            self._send(connection, time.monotonic())

    def lost(self, connection: Connection) -> None:
        """A connection broke, or was given up; a new one takes its place."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.due is not None:
            self._under_way -= 1
            waited = time.monotonic() - connection.due
            self._failed["timeout" if waited >= self._load.patience else "broken"] += 1
        if self._may_send():
            task = asyncio.ensure_future(self._connect())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _sweep(self) -> None:
        """Give up what nobody answers."""
        while True:
            await asyncio.sleep(_SWEEP)
            longest_ago = time.monotonic() - self._load.patience
            for connection in list(self._connections):
                if connection.due is not None and connection.due < longest_ago:
                    connection.abort()
            while self._overdue and self._overdue[0] < longest_ago:
                self._overdue.popleft()
                self._failed["timeout"] += 1

    async def _settle(self) -> None:
        """Wait until every payment that was sent has ended; those that never got a connection are failures."""
        self._failed["timeout"] += len(self._overdue)
        self._overdue.clear()
        while self._under_way:  # noqa: ASYNC110  # or the sweep ends it
            await asyncio.sleep(_TICK)
        for connection in list(self._connections):
            connection.abort()

    def _tell(self, began: float, cpu: float, ended: float) -> Answers:
        warm = self._begin + min(self._load.warmup, self._load.seconds / 2)
        within = [(at, took) for at, took in self._times if warm <= at]
        sending = max(ended - warm, 1e-9)
        return Answers(
            sent=self._requests.made,
            accepted=self._accepted,
            per_second=sum(at <= ended for at, _ in within) / sending,
            seconds=ended - self._begin,
            began=began,
            cpu=cpu,
            failed={reason: count for reason, count in self._failed.items() if count},
            latencies=sorted(round(took * 1000, 3) for _, took in within),
        )


def allow_many_connections() -> None:
    """As many open files as the system allows us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
