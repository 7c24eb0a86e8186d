"""Runs a gRPC server of plain threads until it is told to stop, with health kept true meanwhile.

Owns: the port, the health service, signals and the order of a graceful stop.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from servicekit.channel import MAX_MESSAGE_BYTES
from servicekit.deadline import DeadlineInterceptor
from servicekit.errors import DatabaseUnavailable, ErrorInterceptor, ServiceError, abort
from servicekit.garbage import collect_seldom
from servicekit.listening import warn_of_plaintext
from servicekit.selftest import UnfitDatabase
from servicekit.settings import PREFIX
from servicekit.unary import Behave, UnaryInterceptor

log = structlog.get_logger()

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Clients ping every 30 s; the default would answer that with GOAWAY.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Old connections end, so that clients find new replicas behind a name.
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
]


# How long a thread may keep the others from running, in seconds. A short transaction waits for MySQL a dozen times and
# for the interpreter after each: with Python's 5 ms a busy neighbour thread would make it many times as long.
_SWITCH_SECONDS = 0.0005

_PROBE_SECONDS = 2
_HEALTH = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/"


class _Gate(UnaryInterceptor):
    """Refuses every RPC but those about health as long as there is a `fault`."""

    def __init__(self) -> None:
        self.fault: ServiceError | None = DatabaseUnavailable("the database was not looked at yet")

    def around(self, behave: Behave, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        if self.fault and not method.startswith(_HEALTH):
            abort(context, self.fault)
        return behave(request, context)


class CannotListen(Exception):
    """The address to listen on is taken, or is not this machine's."""


class Server:
    """A gRPC server.

    `probe` raises a ServiceError while the process cannot do its work, and is asked every two seconds. Until it has
    gone well once every RPC is refused with what it raised; then `begin` is called, and health follows the probe. An
    UnfitDatabase that it raises ends the process.
    """

    def __init__(
        self, address: str, *, threads: int, probe: Callable[[], object], begin: Callable[[], None] = lambda: None
    ) -> None:
        self._gate = _Gate()
        self.grpc = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="rpc"),
            interceptors=[self._gate, DeadlineInterceptor(), ErrorInterceptor()],
            options=_OPTIONS,
        )
        self.health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        self.port = 0
        self._address = address
        self._probe = probe
        self._begin = begin
        self._cause = ""
        self._stopping = threading.Event()
        self.unfit: UnfitDatabase | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        """Begin to answer on `port`; health is true to the probe from the first answer on. Raises CannotListen."""
        try:
            self.port = self.grpc.add_insecure_port(self._address)
        except RuntimeError as error:
            raise CannotListen(f"cannot listen on {self._address}: it is taken, or not this machine's") from error
        warn_of_plaintext(self._address.rpartition(":")[0].strip("[]"))
        self._tell_health()
        if self.unfit is None:
            self.grpc.start()
            threading.Thread(target=self._watch, name="health", daemon=True).start()

    def stop(self, grace: float = 10) -> None:
        """Say NOT_SERVING, refuse new calls, let running ones end within `grace` seconds."""
        self._stopping.set()
        self.health.enter_graceful_shutdown()
        self.grpc.stop(grace).wait()

    def _watch(self) -> None:
        while not self._stopping.wait(_PROBE_SECONDS):
            self._tell_health()

    def _tell_health(self) -> None:
        states = health_pb2.HealthCheckResponse
        try:
            self._probe()
        except ServiceError as error:
            self.health.set("", states.NOT_SERVING)
            self._note(error)
        except UnfitDatabase as error:
            self.unfit = error
            self.ended.set()
        except Exception:  # the thread must outlive any fault of ours
            log.exception("probe_failed")
            self.health.set("", states.NOT_SERVING)
        else:
            if self._gate.fault:
                self._begin()
            self.health.set("", states.SERVING)
            self._note(None)

    def _note(self, fault: ServiceError | None) -> None:
        """Log what is new, and let RPCs in from the first time on that all is well."""
        if self._gate.fault:
            self._gate.fault = fault
        cause = str(fault or "")
        if cause != self._cause:
            log.log(logging.WARNING if cause else logging.INFO, "readiness", serving=not cause, cause=cause)
        self._cause = cause


def run_until_signal(server: Server, name: str, *, after: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully and call `after`.

    Exits with 1 where it cannot listen, and with 2 where the database is unfit, with a sentence for each fault.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    collect_seldom()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        server.ended.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        server.start()
    except CannotListen as error:
        after()
        variable = f"{PREFIX}{name.upper().replace('-', '_')}_PORT"
        sys.exit(f"rejesha: {name} {error} ({PREFIX}BIND, {variable})")
    if server.unfit is None:
        log.info("serving", name=name, port=server.port)
    server.ended.wait()
    log.info("stopping", name=name)
    server.stop()
    after()
    log.info("stopped", name=name)
    if server.unfit:
        sys.exit(_refuse(name, server.unfit))


def _refuse(name: str, unfit: UnfitDatabase) -> int:
    for fault in unfit.faults:
        sys.stderr.write(f"rejesha: {name} does not work on this database: {fault}\n")
    return 2
