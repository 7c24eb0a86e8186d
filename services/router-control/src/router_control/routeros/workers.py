"""One thread and one kept-alive connection for each router, so that routers never wait for each other.

Owns queues, connections, the second attempt on a new connection, and when a router is left alone for a while.
"""

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from router_control.routeros.connection import Connection, Target
from router_control.routeros.errors import (
    AnswerTooLarge,
    CallCancelled,
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
# A router that returns must be served soon, so the wait stays short however long it was away: the shorter, the less
# an attempt costs. To be refused takes no time; from silence a worker learns nothing for as long as its deadline.
_FIRST_SECONDS = 1.0
_MAX_SECONDS = 15.0
_WAIT_FOR_EACH_SECOND = 3.0
# Routers log each refused login, and some lock out who tries too often.
_LOGIN_SECONDS = 30.0


class RouterBackoff:
    """Leaves a router alone that just failed, so that not every call has to find out by waiting.

    What it remembers holds only for the target that failed. Safe for several threads. `clock`: seconds that never go
    back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.succeeded()

    def succeeded(self) -> None:
        """Let the next call through."""
        with self._lock:
            self._failure: RouterFailure | None = None
            self._target: Target | None = None
            self._failures = 0
            self._until = 0.0

    def failed(self, target: Target, failure: RouterFailure, took: float) -> None:
        """Refuse calls to `target` for a while, longer with each failure in a row; `took`: seconds of the attempt."""
        with self._lock:
            self._failures = self._failures + 1 if target == self._target else 1
            self._failure, self._target = failure, target
            self._until = self._clock() + self._wait(took)

    def refusal(self, target: Target) -> RouterFailure | None:
        """Why a call to `target` need not be tried now; None lets it through."""
        with self._lock:
            if self._failure is None or target != self._target or self._clock() >= self._until:
                return None
            lasting = isinstance(self._failure, LoginRefused | CertificateChanged)  # until someone mends it
            kind = type(self._failure) if lasting else Unreachable
            return kind(f"not tried again yet; the last attempt: {self._failure}")

    def _wait(self, took: float) -> float:
        if isinstance(self._failure, LoginRefused):
            return _LOGIN_SECONDS
        longest = min(max(_FIRST_SECONDS, _WAIT_FOR_EACH_SECOND * took), _MAX_SECONDS)
        wait = min(_FIRST_SECONDS * 2 ** min(self._failures - 1, 10), longest)
        return random.uniform(wait / 2, wait)  # noqa: S311


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
        self.backoff = RouterBackoff()
        self.waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=work, args=(self,), name=f"router-{router_id}", daemon=True)
        self._connection: Connection | None = None

    def attend(self, job: Job) -> None:
        """Do a job, and tell whoever waits for it."""
        if not job.done.set_running_or_notify_cancel():
            return
        try:
            self._attend(job)
        except (RouterFailure, CallCancelled) as failure:
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
        if not job.fresh and (refusal := self.backoff.refusal(job.target)):
            raise refusal
        try:
            self._try_hard(job)
        except Trap:
            self.backoff.succeeded()
            raise
        except RouterFailure as failure:
            log.info("router_failed", router_id=self.router_id, cause=type(failure).__name__, detail=str(failure))
            if time_given >= _FAIR_SECONDS or job.limit.remaining():
                self.backoff.failed(job.target, failure, time_given - job.limit.remaining())
            raise
        self.backoff.succeeded()

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

        Raises RouterBusy, RouterFailure or CallCancelled. After the last, and after TimedOut, the operation may go on
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
                worker.backoff.succeeded()

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
            if not job.fresh and (refusal := worker.backoff.refusal(job.target)):
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
