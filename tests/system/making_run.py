"""`make run` as a process, seen from outside."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.ports import free_port
from deploy.local import settings
from deploy.local.environment import METRICS_PORTS

PORTS = (
    "REJESHA_GATEWAY_PORT",
    settings.DISPATCHER_PORT,
    "REJESHA_BILLING_PORT",
    "REJESHA_ROUTER_CONTROL_PORT",
    "REJESHA_NOTIFY_PORT",
    *METRICS_PORTS.values(),
    settings.DEMO_ROUTER_PORT,
    settings.DEMO_ROUTER_CONTROL_PORT,
    settings.DEMO_TEXTSMS_PORT,
)


def own_ports() -> dict[str, str]:
    """Settings that let a run have ports of its own."""
    return {name: str(free_port()) for name in PORTS}


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")} | dict(given)


def ended(given: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and the words of a run that ends by itself."""
    command = [sys.executable, "-m", "deploy.local"]
    environment = _environment(given)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


@dataclass
class Run:
    """A run that is up. `said`: what it printed until then."""

    values: dict[str, str]
    process: subprocess.Popen[str]
    said: str

    def children(self) -> dict[str, int]:
        """The pids of its processes by their module; "dispatcher" is the gateway in that role."""
        found = {}
        for path in Path("/proc").iterdir():
            if not path.name.isdigit():
                continue
            try:
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                words = (path / "cmdline").read_text().split("\0")
                if int(parent) == self.process.pid and "-m" in words:
                    found[_name(path, words[words.index("-m") + 1])] = int(path.name)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
        return found


def _name(process: Path, module: str) -> str:
    is_dispatcher = "REJESHA_GATEWAY_ROLE=dispatcher" in (process / "environ").read_text().split("\0")
    return "dispatcher" if is_dispatcher else module


@contextmanager
def running(given: Mapping[str, str], umask: int = 0o022) -> Iterator[Run]:
    """A run that is up for as long as the block runs."""
    command = [sys.executable, "-m", "deploy.local"]
    environment = _environment(given)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, umask=umask
    ) as process:
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "see what happened" in line or "Try it" in line:
                    break
            assert "Rejesha is up" in said, process.wait(60)
            yield Run(dict(given), process, said)
        finally:
            process.terminate()
            process.wait(60)
