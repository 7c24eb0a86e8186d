"""One thread and one kept-alive connection for each router, so that routers never wait for each other.

Owns queues, connections, the second attempt on a new connection, and when a router is left alone for a while.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from servicekit.rpc.errors import Cancelled

from router_control.routeros.connection import CONNECT_SECONDS, Connection, Target
from router_control.routeros.errors import (
    AnswerTooLarge,
    RouterBusy,
    RouterFailure,
    TimedOut,
    Trap,
    Unreachable,
)
from router_control.routeros.protocol import TimeLimit
from router_control.routeros.throttle import Throttle

log = structlog.get_logger()

_QUEUE_SIZE = 8
_IDLE_SECONDS = 300.0
_ATTEMPTS = 3
# Each attempt but the last leaves time to connect anew and read back what a lost write has done.
_SHARE = 0.6
# A call that came with less time than this and ran out of it says nothing about the router.
_FAIR_SECONDS = 1.0
# So long a call waits to learn whether a router that failed lately is back. A caller has only so many calls at a time,
# and other routers need them.
_PROBE_SECONDS = 1.0


class Operation(Protocol):
    """Something to do on a router. Must be fit to be carried out again after any failure but a Trap."""

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None: ...


class Probe:
    """The operation that does nothing: to be logged in is all that it wants to know."""

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """All is well."""


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
        self.probe: Job | None = None
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
        if not fresh:
            self._check_doubtful(router_id, target, limit)
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

    def _check_doubtful(self, router_id: int, target: Target, limit: TimeLimit) -> None:
        """Find out whether a router that failed a short while ago is back. Raises RouterFailure, Cancelled.

        Whoever asks at the same time shares a probe, which goes on when they have gone.
        """
        with self._lock:
            worker = self._workers.get(router_id)
            doubt = worker and worker.throttle.doubt(target)
            if not worker or not doubt:
                return
            if refusal := worker.throttle.refusal(target):
                raise refusal
            probe = worker.probe
            if probe is None or probe.done.done() or probe.target != target:
                probe = worker.probe = Job(Probe(), target, TimeLimit.after(CONNECT_SECONDS), fresh=True)
                worker.waiting.put(probe)
        wait((probe.done, limit.cancelled), min(limit.remaining(), _PROBE_SECONDS), FIRST_COMPLETED)
        limit.check()
        if not probe.done.done():
            raise Unreachable(f"no answer yet; the last attempt: {doubt}")
        if failure := probe.done.exception():
            raise failure

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
