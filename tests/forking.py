"""Programs that tests start are forked from a process that has loaded them: most of a start is imports.

Whoever calls `subprocess` for `python -m <program>` gets a child as real as any other, see tests/forkserver.py. What a
fork could not be like, say one with another PYTHONPATH, is executed. So are the programs of tests marked `executed`.
"""

import ctypes
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.processes import DYING_WITH_US

# What some programs import only once they need it.
_DATABASES = ("alembic.command", "sqlalchemy.dialects.mysql.pymysql", "sqlalchemy.dialects.sqlite.pysqlite")
PROGRAMS = {
    **dict.fromkeys(("billing", "notify", "router_control"), _DATABASES),
    "deploy.local": ("alembic.command", "sqlalchemy.dialects.sqlite.pysqlite"),
    **dict.fromkeys(("gateway", "rejesha_cli", "simulators.routeros", "simulators.textsms"), ()),
}
# A program looks at these before it does anything of its own: a fork has them as they were when it was loaded.
_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "MALLOC_", "GRPC_", "OTEL_")
_UNLIKE_A_FORK = ("preexec_fn", "pass_fds", "executable", "shell")
_SERVER = Path(__file__).with_name("forkserver.py")
_SET_CHILD_SUBREAPER = 36
_adopting = threading.Lock()


class Server:
    """A process that has loaded a program."""

    def __init__(self, program: str, imported_later: Sequence[str]) -> None:
        self._program = program
        ours = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
        self._read_at_start = _read_at_start(ours)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(60)
        command = [sys.executable, _SERVER, str(theirs.fileno()), program, *imported_later]
        nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        with theirs:
            self._process = subprocess.Popen(command, env=ours, pass_fds=[theirs.fileno()], **nothing)

    def can_fork(self, environment: Mapping[str, str]) -> bool:
        return _read_at_start(environment) == self._read_at_start

    def fork(self, order: Mapping[str, Any], files: Sequence[int]) -> int:
        """The pid of the program's process, a child of ours; `files`: its standard input, output and error."""
        with _adopting, _orphans():
            socket.send_fds(self._socket, [json.dumps(order).encode()], files)
            answer = self._socket.recv(64)
        if not answer:
            raise OSError(f"{self._program} cannot be forked")
        return int(answer)

    def stop(self) -> None:
        self._socket.close()
        self._process.wait()


class Servers:
    """One for each of the programs (and what these import later), started when that is wanted for the first time."""

    def __init__(self, programs: Mapping[str, Sequence[str]]) -> None:
        self._programs = programs
        self._servers: dict[str, Server] = {}

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Let `subprocess` fork the programs for as long as the block runs."""
        execute = subprocess.Popen._execute_child
        names = list(inspect.signature(execute).parameters)

        def start(popen: subprocess.Popen[Any], *given: Any) -> None:
            options = dict(zip(names, (popen, *given), strict=True))
            if (pid := self._fork(options)) is None:
                execute(popen, *given)
                return
            popen.pid, popen._child_created = pid, True
            ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            popen._close_pipe_fds(*(options[name] for name in ends))

        subprocess.Popen._execute_child = start
        try:
            yield
        finally:
            subprocess.Popen._execute_child = execute

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()

    def _fork(self, options: Mapping[str, Any]) -> int | None:
        """The pid; None where it must be executed."""
        command = _command(_texts(options["args"]))
        server = self._of(command["program"]) if command else None
        environment = dict(map(_texts, (os.environ if options["env"] is None else options["env"]).items()))
        if not server or not server.can_fork(environment) or any(options[name] for name in _UNLIKE_A_FORK):
            return None
        order = command | {
            "environment": environment,
            "directory": os.fspath(options["cwd"] or Path.cwd()),
            "umask": options["umask"],
            "session": options["start_new_session"],
            # As those do that a shell starts in the background, and all that they execute.
            "ignores_interrupts": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
            "parent": os.getpid(),
        }
        given = (options["p2cread"], options["c2pwrite"], options["errwrite"])
        return server.fork(order, [number if file == -1 else file for number, file in enumerate(given)])

    def _of(self, program: str) -> Server | None:
        """None where it has none, and where another thread than the first asks: a child dies with the thread."""
        if program in self._programs and program not in self._servers:
            if threading.current_thread() is not threading.main_thread():
                return None
            self._servers[program] = Server(program, self._programs[program])
        return self._servers.get(program)


def _command(words: list[str]) -> dict[str, Any]:
    """What a command runs, and how; nothing where it is not of the form that a fork can do."""
    dies = tuple(words[: len(DYING_WITH_US)]) == DYING_WITH_US
    match words[len(DYING_WITH_US) :] if dies else words:
        case [sys.executable, "-m", program, *arguments]:
            safe = False
        case [sys.executable, "-P", "-m", program, *arguments]:
            safe = True
        case _:
            return {}
    return {"program": program, "arguments": arguments, "safe_path": safe, "dies_with_parent": dies}


def _texts(given: Any) -> list[str]:
    """What `subprocess` takes as words may be bytes and paths as well, or a single one."""
    return [os.fsdecode(word) for word in ([given] if isinstance(given, str | bytes | os.PathLike) else given)]


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if value and name.startswith(_READ_AT_START)}


@contextmanager
def _orphans() -> Iterator[None]:
    """Processes whose parents die meanwhile become children of ours."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        libc.prctl(_SET_CHILD_SUBREAPER, 0)
