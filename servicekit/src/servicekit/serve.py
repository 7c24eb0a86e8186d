"""Runs a gRPC server of plain threads until it is told to stop, with health kept true meanwhile.

Owns: the port, the health service, signals and the order of a graceful stop.
"""

import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from servicekit.channel import MAX_MESSAGE_BYTES
from servicekit.deadline import DeadlineInterceptor
from servicekit.errors import ErrorInterceptor
from servicekit.garbage import collect_seldom
from servicekit.listening import warn_of_plaintext
from servicekit.settings import PREFIX

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


class CannotListen(Exception):
    """The address to listen on is taken, or is not this machine's."""


class Server:
    """A gRPC server; `probe` says whether the process can do its work, and is asked every two seconds."""

    def __init__(self, address: str, *, threads: int, probe: Callable[[], bool]) -> None:
        self.grpc = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="rpc"),
            interceptors=[DeadlineInterceptor(), ErrorInterceptor()],
            options=_OPTIONS,
        )
        self.health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        self.port = 0
        self._address = address
        self._probe = probe
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to answer on `port`; health is true to the probe from the first answer on. Raises CannotListen."""
        try:
            self.port = self.grpc.add_insecure_port(self._address)
        except RuntimeError as error:
            raise CannotListen(f"cannot listen on {self._address}: it is taken, or not this machine's") from error
        warn_of_plaintext(self._address.rpartition(":")[0].strip("[]"))
        self._tell_health()
        self.grpc.start()
        threading.Thread(target=self._watch, name="health", daemon=True).start()

    def stop(self, grace: float = 10) -> None:
        """Say NOT_SERVING, refuse new calls, let running ones end within `grace` seconds."""
        self._stopping.set()
        self.health.enter_graceful_shutdown()
        self.grpc.stop(grace).wait()

    def _watch(self) -> None:
        while not self._stopping.wait(2):
            self._tell_health()

    def _tell_health(self) -> None:
        serving = self._probe()
        states = health_pb2.HealthCheckResponse
        self.health.set("", states.SERVING if serving else states.NOT_SERVING)


def run_until_signal(server: Server, name: str, *, after: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully and call `after`. Exits with 1 where it cannot listen."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    collect_seldom()
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        server.start()
    except CannotListen as error:
        after()
        variable = f"{PREFIX}{name.upper().replace('-', '_')}_PORT"
        sys.exit(f"lipanet: {name} {error} ({PREFIX}BIND, {variable})")
    log.info("serving", name=name, port=server.port)
    stop.wait()
    log.info("stopping", name=name)
    server.stop()
    after()
    log.info("stopped", name=name)
