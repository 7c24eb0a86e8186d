"""One thread and one kept-alive connection for each router, so that routers never wait for each other.

Owns queues, connections, the second attempt on a new connection, and when a router is left alone for a while.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Protocol

import grpc
import structlog
from servicekit.errors import ServiceError

from router_control.breaker import Breaker
from router_control.deadline import Deadline
from router_control.failures import AnswerTooLarge, RouterFailure, TimedOut, Trap
from router_control.routeros import Connection
from router_control.target import Target

log = structlog.get_logger()

_QUEUE_SIZE = 8
_IDLE_SECONDS = 300.0
_ATTEMPTS = 3
# Each attempt but the last leaves time to connect anew and read back what a lost write has done.
_SHARE = 0.6
# A call that came with less time than this and ran out of it says nothing about the router.
_FAIR_SECONDS = 1.0


class RouterBusy(ServiceError):
    """Too many calls wait for this router already."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "ROUTER_BUSY"


class Operation(Protocol):
    """Something to do on a router. Must be fit to be carried out again after any failure but a Trap."""

    def carry_out(self, connection: Connection, deadline: Deadline) -> None: ...


@dataclass(frozen=True)
class Job:
    """`fresh`: connect anew, and even when the breaker would rather not."""

    operation: Operation
    target: Target
    deadline: Deadline
    fresh: bool
    done: Future[None] = field(default_factory=Future)


class Worker:
    """The only thread that talks to one router."""

    def __init__(self, router_id: int, work: Callable[["Worker"], None]) -> None:
        self.router_id = router_id
        self.breaker = Breaker()
        self.waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=work, args=(self,), name=f"router-{router_id}", daemon=True)
        self._connection: Connection | None = None

    def attend(self, job: Job) -> None:
        """Do a job, and tell whoever waits for it."""
        if not job.done.set_running_or_notify_cancel():
            return
        try:
            self._attend(job)
        except RouterFailure as failure:
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
        time_given = job.deadline.remaining()
        if not time_given:
            raise TimedOut("the router was busy with other calls")
        if not job.fresh and (refusal := self.breaker.refusal(job.target)):
            raise refusal
        try:
            self._try_hard(job)
        except Trap:
            self.breaker.close()
            raise
        except RouterFailure as failure:
            log.info("router_failed", router_id=self.router_id, cause=type(failure).__name__, detail=str(failure))
            if time_given >= _FAIR_SECONDS or job.deadline.remaining():
                self.breaker.open(job.target, failure, time_given - job.deadline.remaining())
            raise
        self.breaker.close()

    def _try_hard(self, job: Job) -> None:
        """Carry out the operation; when the connection fails under it, again on a new one."""
        if job.fresh:
            self.disconnect()
        for attempt in range(1, _ATTEMPTS + 1):
            share = 1.0 if attempt == _ATTEMPTS else _SHARE
            # A router that cannot be connected to is not asked twice.
            connection = self._connected(job.target, job.deadline)
            try:
                job.operation.carry_out(connection, job.deadline.within(share * job.deadline.remaining()))
            except Trap:
                raise
            except RouterFailure as failure:
                self.disconnect()
                hopeless = isinstance(failure, AnswerTooLarge)
                if hopeless or attempt == _ATTEMPTS or not job.deadline.remaining():
                    raise
                log.info("router_tried_again", router_id=self.router_id, cause=type(failure).__name__)
            else:
                return

    def _connected(self, target: Target, deadline: Deadline) -> Connection:
        if self._connection is None or not self._connection.serves(target):
            self.disconnect()
            self._connection = Connection(target, deadline)
        return self._connection


class Workers:
    """The workers of all routers: started when needed, ended when idle."""

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS, queue_size: int = _QUEUE_SIZE) -> None:
        self._idle_seconds, self._queue_size = idle_seconds, queue_size
        self._lock = threading.Lock()
        self._workers: dict[int, Worker] = {}

    def perform(
        self, router_id: int, operation: Operation, target: Target, deadline: Deadline, *, fresh: bool = False
    ) -> None:
        """Carry out `operation` on a router; answers within the deadline whatever the router does.

        Raises RouterBusy or RouterFailure. After TimedOut the operation may still be going on.
        """
        job = Job(operation, target, deadline, fresh)
        self._enqueue(router_id, job)
        try:
            job.done.result(deadline.remaining() + 0.05)  # the worker's own word is the better one
        except TimeoutError:
            job.done.cancel()
            raise TimedOut("no answer in time") from None
        except CancelledError:
            raise TimedOut("router-control is stopping") from None

    def registration_changed(self, router_id: int) -> None:
        """Whatever kept us from a router may have been mended: try again at once."""
        with self._lock:
            if worker := self._workers.get(router_id):
                worker.breaker.close()

    def retire(self, router_id: int) -> None:
        """Let a router's worker end after what it has to do."""
        with self._lock:
            if worker := self._workers.pop(router_id, None):
                worker.waiting.put(None)

    def close(self, seconds: float = 5.0) -> None:
        """End all workers and their connections; wait for what is under way."""
        with self._lock:
            workers = list(self._workers.items())
        deadline = Deadline.after(seconds)
        for router_id, _ in workers:
            self.retire(router_id)
        for _, worker in workers:
            worker.thread.join(deadline.remaining())

    def running(self) -> int:
        """How many routers have a worker now."""
        return len(self._workers)

    def _enqueue(self, router_id: int, job: Job) -> None:
        with self._lock:
            worker = self._workers.get(router_id) or self._start(router_id)
            if not job.fresh and (refusal := worker.breaker.refusal(job.target)):
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
