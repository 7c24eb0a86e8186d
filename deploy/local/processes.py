"""Starts, watches and stops the system's processes. Knows how to tell that one is ready, not what it does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.rpc.errors import ServiceError

from deploy.local.environment import basic
from deploy.local.ports import listens

# No process is left behind when we are killed. A function of ours between fork and exec could ask for it as well, but
# for that Python runs everybody's fork handlers, and gRPC's waits for ever now and then.
DYING_WITH_US = ("setpriv", "--pdeathsig", "TERM")


class NotReady(Exception):
    """A process died or did not become ready in time; the text ends with the last lines of its log."""


@dataclass
class Process:
    """One process: `python -m module arguments`, its log in a file, `ready` says whether it can be used.

    `environment` comes on top of what every program needs, and of nothing else. `port`: where it listens itself, so
    that nobody else who answers there is taken for it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    port: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid

    def start(self) -> None:
        """Start it; its output is appended to its log."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.log, "ab", opener=_for_owner_only) as output:
            self._child = subprocess.Popen(
                [*DYING_WITH_US, sys.executable, "-m", *self.command],
                env=basic() | dict(self.environment),
                umask=0o077,  # databases, spool and logs hold names, numbers and money
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us; we stop them in order
            )

    def wait_ready(self, seconds: float = 60) -> None:
        """Return as soon as it is ready. Raises NotReady."""
        deadline = time.monotonic() + seconds
        while not (self._listens() and self.ready()):  # to ask nobody takes longest of all
            if not self.is_running():
                raise NotReady(f"{self.name} ended with {self.exit_code()}\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} was not ready after {seconds:.0f} s\n{self.last_lines()}")
            time.sleep(0.05)

    def _listens(self) -> bool:
        return not self.port or listens(self.pid, self.port)

    def run(self, seconds: float = 120) -> None:
        """Run it to its end. Raises NotReady when it fails."""
        self.start()
        assert self._child
        if self._child.wait(seconds):
            raise NotReady(f"{self.name} ended with {self.exit_code()}\n{self.last_lines()}")

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def exit_code(self) -> int | None:
        return self._child.poll() if self._child else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._child and self.is_running():
            self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self._child:
            self._child.wait()

    def stop(self, seconds: float = 20) -> None:
        """Ask it to stop; SIGKILL when it does not in time."""
        self.signal(signal.SIGTERM)
        try:
            if self._child:
                self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-count:])


def _for_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def serving(connected: Callable[[], grpc.Channel]) -> Callable[[], bool]:
    """Whether a service of ours says that it serves."""

    def check() -> bool:
        with connected() as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            except ServiceError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return check


def answering(url: str) -> Callable[[], bool]:
    """Whether a GET is answered with 200."""

    def check() -> bool:
        try:
            return httpx.get(url, timeout=1).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return check
