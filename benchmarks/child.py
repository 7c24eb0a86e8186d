"""A process that is not a Python module of ours; deploy.local starts those."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.processes import NotReady


class Child:
    """Started, waited for, stopped. Output goes to `log`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, port: int) -> None:
        self._command, self._environment, self._log = command, environment, log
        self.port = port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid

    def start(self, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Start it and wait until it is ready. Raises NotReady."""
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command, env=dict(self._environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + seconds
        while not ready():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"{self._command[-1]} is not ready\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._child and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
