"""One thread and one kept-alive connection for each router, so that routers never wait for each other.

Owns queues, connections, the second attempt on a new connection, and when a router is left alone for a while.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from servicekit.rpc.errors import Cancelled

from router_control.routeros.connection import Connection, Target
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
from router_control.routeros.protocol import TimeLimit

log = structlog.get_logger()

_QUEUE_SIZE = 8
_IDLE_SECONDS = 300.0
_ATTEMPTS = 3
# Each attempt but the last leaves time to connect anew and read back what a lost write has done.
_SHARE = 0.6
# A call that came with less time than this and ran out of it says nothing about the router.
_FAIR_SECONDS = 1.0
# How long a router is left alone after a failure: long enough that calls which wait for it learn from the one that
# failed, and short, because whoever calls has a back-off of his own and a router that returns must be served soon.
_PAUSE_SECONDS = 1.0
# Routers log each refused login, and some lock out who tries too often.
_LOGIN_PAUSE_SECONDS = 30.0


class Throttle:
    """Leaves a router alone for a moment after it failed, so that not every call has to find out by waiting.

    What it remembers holds only for the target that failed. Safe for several threads. `clock`: seconds that never go
    back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[Target, RouterFailure, float] | None = None

    def clear(self) -> None:
        """Let the next call through."""
        self._last = None

    def failed(self, target: Target, failure: RouterFailure) -> None:
        """Refuse calls to `target` for a while."""
        pause = _LOGIN_PAUSE_SECONDS if isinstance(failure, LoginRefused) else _PAUSE_SECONDS
        self._last = target, failure, self._clock() + pause

    def refusal(self, target: Target) -> RouterFailure | None:
        """Why a call to `target` need not be tried now; None lets it through."""
        if self._last is None:
            return None
        failed, failure, until = self._last
        if target != failed or self._clock() >= until:
            return None
        lasting = isinstance(failure, LoginRefused | CertificateChanged)  # until someone mends it
        kind = type(failure) if lasting else Unreachable
        return kind(f"not tried again yet; the last attempt: {failure}")


class Operation(Protocol):
    """Something to do on a router. Must be fit to be carried out again after any failure but a Trap."""

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None: ...


@dataclass(frozen=True)
class Job:
    """`fresh`: connect anew, and even though the router is left alone."""

    operation: Operation
    target: Target
    limit: TimeLimit
    fresh: bool
    done: Future[None] = field(default_factory=Future)


class Worker:
    """The only thread that talks to one router."""

    def __init__(self, router_id: int, work: Callable[["Worker"], None]) -> None:
        self.router_id = router_id
        self.throttle = Throttle()
        self.waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=work, args=(self,), name=f"router-{router_id}", daemon=True)
        self._connection: Connection | None = None

    def attend(self, job: Job) -> None:
        """Do a job, and tell whoever waits for it."""
        if not job.done.set_running_or_notify_cancel():
            return
        try:
            self._attend(job)
        except (RouterFailure, Cancelled) as failure:
            job.done.set_exception(failure)
        except BaseException as error:  # noqa: BLE001  # whoever waits must hear of it, and raises it
            self.disconnect()
            job.done.set_exception(error)
        else:
            job.done.set_result(None)

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _attend(self, job: Job) -> None:
        time_given = job.limit.remaining()
        if not time_given:
            raise TimedOut("the router was busy with other calls")
        if not job.fresh and (refusal := self.throttle.refusal(job.target)):
            raise refusal
        try:
            self._try_hard(job)
        except Trap:
            self.throttle.clear()
            raise
        except RouterFailure as failure:
            log.info("router_failed", router_id=self.router_id, cause=type(failure).__name__, detail=str(failure))
            if time_given >= _FAIR_SECONDS or job.limit.remaining():
                self.throttle.failed(job.target, failure)
            raise
        self.throttle.clear()

    def _try_hard(self, job: Job) -> None:
        """Carry out the operation; when the connection fails under it, again on a new one."""
        if job.fresh:
            self.disconnect()
        for attempt in range(1, _ATTEMPTS + 1):
            job.limit.check()
            share = 1.0 if attempt == _ATTEMPTS else _SHARE
            # A router that cannot be connected to is not asked twice.
            connection = self._connected(job.target, job.limit)
            try:
                job.operation.carry_out(connection, job.limit.within(share * job.limit.remaining()))
            except Trap:
                raise
            except RouterFailure as failure:
                self.disconnect()
                hopeless = isinstance(failure, AnswerTooLarge)
                if hopeless or attempt == _ATTEMPTS or not job.limit.remaining():
                    raise
                log.info("router_tried_again", router_id=self.router_id, cause=type(failure).__name__)
            else:
                return

    def _connected(self, target: Target, limit: TimeLimit) -> Connection:
        if self._connection is None or not self._connection.serves(target):
            self.disconnect()
            self._connection = Connection(target, limit)
        return self._connection


class Workers:
    """The workers of all routers: started when needed, ended when idle."""

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS, queue_size: int = _QUEUE_SIZE) -> None:
        self._idle_seconds, self._queue_size = idle_seconds, queue_size
        self._lock = threading.Lock()
        self._workers: dict[int, Worker] = {}

    def perform(
        self, router_id: int, operation: Operation, target: Target, limit: TimeLimit, *, fresh: bool = False
    ) -> None:
        """Carry out `operation` on a router; answers within the limit whatever the router does.

        Raises RouterBusy, RouterFailure or Cancelled. After the last, and after TimedOut, the operation may go on
        to the next point at which it may end; if it had not begun, it never begins.
        """
        job = Job(operation, target, limit, fresh)
        self._enqueue(router_id, job)
        # A moment more than the limit: the worker's own word is the better one.
        wait((job.done, limit.cancelled), limit.remaining() + 0.05, FIRST_COMPLETED)
        if job.done.cancel() or not job.done.done():
            limit.check()
            raise TimedOut("no answer in time")
        job.done.result()

    def registration_changed(self, router_id: int) -> None:
        """Whatever kept us from a router may have been mended: try again at once."""
        with self._lock:
            if worker := self._workers.get(router_id):
                worker.throttle.clear()

    def retire(self, router_id: int) -> None:
        """Let a router's worker end after what it has to do."""
        with self._lock:
            if worker := self._workers.pop(router_id, None):
                worker.waiting.put(None)

    def close(self, seconds: float = 5.0) -> None:
        """End all workers and their connections; wait for what is under way."""
        with self._lock:
            workers = list(self._workers.items())
        limit = TimeLimit.after(seconds)
        for router_id, _ in workers:
            self.retire(router_id)
        for _, worker in workers:
            worker.thread.join(limit.remaining())

    def running(self) -> int:
        """How many routers have a worker now."""
        return len(self._workers)

    def _enqueue(self, router_id: int, job: Job) -> None:
        with self._lock:
            worker = self._workers.get(router_id) or self._start(router_id)
            if not job.fresh and (refusal := worker.throttle.refusal(job.target)):
                raise refusal
            if worker.waiting.qsize() >= self._queue_size:
                raise RouterBusy(f"{self._queue_size} calls wait for router {router_id} already")
            worker.waiting.put(job)

    def _start(self, router_id: int) -> Worker:
        worker = self._workers[router_id] = Worker(router_id, self._work)
        worker.thread.start()
        return worker

    def _work(self, worker: Worker) -> None:
        while job := self._next(worker):
            worker.attend(job)
        worker.disconnect()

    def _next(self, worker: Worker) -> Job | None:
        """The next job, or None when it is time to end."""
        try:
            return worker.waiting.get(timeout=self._idle_seconds)
        except queue.Empty:
            pass
        with self._lock:  # jobs are put under it, so none can slip in between
            if worker.waiting.empty():
                self._workers.pop(worker.router_id, None)
                return None
        return worker.waiting.get()
