"""Starts a service's commands quickly: each is forked from one process that has loaded all that a service imports."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# Answers a line of orders with the child's process id, and, once it has ended, with how it did.
_LOADED = """
import importlib, json, os, sys
main = importlib.import_module(sys.argv[1] + ".__main__").main

def run(arguments, environment, outputs):
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    os.environ.update(environment)
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0

for line in sys.stdin:
    orders = json.loads(line)
    child = os.fork()
    if not child:
        code = run(*orders)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Commands:
    """One command at a time of `python -m <service>`."""

    def __init__(self, process: subprocess.Popen[str], outputs: Path) -> None:
        self._process = process
        self._outputs = [outputs / name for name in ("stdout", "stderr")]
        self._pid = 0

    def start(self, environment: Mapping[str, str], *arguments: str) -> None:
        """Start one; `environment` comes on top of our own."""
        orders = (arguments, dict(environment), [str(path) for path in self._outputs])
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()
        self._pid = int(self._process.stdout.readline())

    def has_ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def result(self, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """How it ended and what it said."""
        assert self.has_ended(seconds)
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess([], code, *(path.read_text() for path in self._outputs))

    def run(self, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        self.start(environment, *arguments)
        return self.result()


@contextmanager
def commands_of(module: str) -> Iterator[Commands]:
    """The commands of a service, by its module."""
    loaded = [sys.executable, "-c", _LOADED, module]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 1}
    with TemporaryDirectory() as outputs, subprocess.Popen(loaded, text=True, **pipes) as process:
        yield Commands(process, Path(outputs))
        process.stdin.close()
