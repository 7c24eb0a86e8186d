"""Runs a gRPC server of plain threads until it is told to stop, with health kept true meanwhile.

Owns: the port, the health service, reflection, signals and the order of a graceful stop.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, MappingProxyType
from typing import Any, TypeVar

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from servicekit.garbage import collect_seldom
from servicekit.listening import warn_of_plaintext
from servicekit.rpc import identity, renewal, telemetry
from servicekit.rpc.channel import MAX_MESSAGE_BYTES
from servicekit.rpc.errors import ServiceError
from servicekit.rpc.interceptor import Around
from servicekit.rpc.renewal import RenewedCertificate
from servicekit.selftest import UnfitDatabase
from servicekit.settings import PREFIX

Servicer = TypeVar("Servicer")

log = structlog.get_logger()

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Clients ping every 30 s; the default would answer that with GOAWAY.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Old connections end, so that clients find new replicas behind a name: each has its share after about a minute.
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
]


# How long a thread may keep the others from running, in seconds. A short transaction waits for MySQL a dozen times and
# for the interpreter after each: with Python's 5 ms a busy neighbour thread would make it many times as long.
_SWITCH_SECONDS = 0.0005

_PROBE_SECONDS = 2

# The name under which health says that the process runs, whatever else is away: a restart would mend nothing there.
LIVENESS = "liveness"


class CannotListen(Exception):
    """The address to listen on is taken, or is not this machine's."""


class Server:
    """A gRPC server.

    `probe` raises a ServiceError while the process cannot do its work, and is asked every two seconds. Until it has
    gone well once every RPC is refused with what it raised; then `begin` is called, and health follows the probe: under
    the name "" and under each service's full name. Under LIVENESS it is well as long as the process answers. An
    UnfitDatabase that the probe raises ends the process.

    `reflection`: whether a caller may ask which RPCs there are. With a `certificate` callers need one too, and `table`
    says who may call what; without, it speaks in plain text to everybody. `health_address`: where probes that have no
    certificate ask for health, and get no other answer.
    """

    def __init__(  # noqa: PLR0913  # most have a default that is meant
        self,
        address: str,
        *,
        threads: int,
        probe: Callable[[], object],
        begin: Callable[[], None] = lambda: None,
        reflection: bool = False,
        certificate: RenewedCertificate | None = None,
        table: identity.Table = MappingProxyType({}),
        health_address: str = "",
        interceptors: Sequence[grpc.ServerInterceptor] = (),
        observe: telemetry.Observe = telemetry.nobody,
    ) -> None:
        self._around = Around(table if certificate else None, observe)
        self.grpc = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="rpc"),
            interceptors=[*interceptors, self._around],
            options=_OPTIONS,
        )
        self.health = health.HealthServicer()
        self.health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        self._names: list[str] = []
        self.add(health_pb2_grpc.add_HealthServicer_to_server, self.health)
        self.port = 0
        self._address = address
        self._reflection = reflection
        self._certificate = certificate
        self._for_probes = _answering_health(self.health)
        self._health_address = health_address
        self.health_port = 0
        self._probe = probe
        self._begin = begin
        self._cause = ""
        self._stopping = threading.Event()
        self.unfit: UnfitDatabase | None = None
        self.ended = threading.Event()

    def add(self, register: Callable[[Servicer, grpc.Server], None], servicer: Servicer) -> None:
        """Answer a service's RPCs. `register`: the function that the generated code has for it."""
        register(servicer, _Named(self.grpc, self._names))  # type: ignore[arg-type]  # as much of a server as it needs

    def start(self) -> None:
        """Begin to answer on `port`; health is true to the probe from the first answer on. Raises CannotListen."""
        self.port = _listen(self._address, self._bind)
        if self._health_address:
            self.health_port = _listen(
                self._health_address, lambda: self._for_probes.add_insecure_port(self._health_address)
            )
        if self._reflection:
            reflection.enable_server_reflection([*self._names, reflection.SERVICE_NAME], self.grpc)
        self._tell_health()
        if self.unfit is None:
            self.grpc.start()
            self._for_probes.start()
            threading.Thread(target=self._watch, name="health", daemon=True).start()

    def stop(self, grace: float = 10) -> None:
        """Say NOT_SERVING, refuse new calls, let running ones end within `grace` seconds."""
        self._stopping.set()
        self.health.enter_graceful_shutdown()
        self.grpc.stop(grace).wait()
        self._for_probes.stop(None)

    def _bind(self) -> int:
        if self._certificate:
            return self.grpc.add_secure_port(self._address, renewal.for_server(self._certificate))
        port = self.grpc.add_insecure_port(self._address)
        warn_of_plaintext(self._address.rpartition(":")[0].strip("[]"))
        return port

    def _watch(self) -> None:
        while not self._stopping.wait(_PROBE_SECONDS):
            try:
                self._tell_health()
            except Exception:  # a thread that ended would say the same for ever
                log.exception("health_not_told")

    def _tell_health(self) -> None:
        try:
            self._probe()
            if self._around.fault:
                self._begin()
        except ServiceError as error:
            self._set(serving=False)
            self._note(error)
        except UnfitDatabase as error:
            self.unfit = error
            self.ended.set()
        except Exception:  # a fault of ours
            log.exception("probe_failed")
            self._set(serving=False)
        else:
            self._note(None)
            self._set(serving=True)

    def _set(self, *, serving: bool) -> None:
        states = health_pb2.HealthCheckResponse
        for name in ("", *self._names):
            self.health.set(name, states.SERVING if serving else states.NOT_SERVING)

    def _note(self, fault: ServiceError | None) -> None:
        """Log what is new, and let RPCs in from the first time on that all is well."""
        if self._around.fault:
            self._around.fault = fault
        cause = str(fault or "")
        if cause != self._cause:
            log.log(logging.WARNING if cause else logging.INFO, "readiness", serving=not cause, cause=cause)
        self._cause = cause


def _listen(address: str, bind: Callable[[], int]) -> int:
    try:
        return bind()
    except RuntimeError as error:
        raise CannotListen(f"cannot listen on {address}: it is taken, or not this machine's") from error


def _answering_health(servicer: health.HealthServicer) -> grpc.Server:
    """A server that answers probes, and nothing else, even while all threads of the true one are at work."""
    server = grpc.server(ThreadPoolExecutor(2, thread_name_prefix="probe"), options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server


class _Named:
    """Passes a service's handlers on to a server, and notes its name."""

    def __init__(self, server: grpc.Server, names: list[str]) -> None:
        self._server = server
        self._names = names

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._names += [handler.service_name() for handler in handlers]
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Any) -> None:
        self._server.add_registered_method_handlers(service_name, method_handlers)


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
        sys.exit(f"rejesha: {name} {error} ({PREFIX}BIND, {variable}, {PREFIX}HEALTH_PORT)")
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
