"""`python forkserver.py <socket> <module> …`: has loaded a program, and forks it whenever tests/forking.py asks.

What is forked ends up as what `python -m <module>` is: a child of whoever asked, with its own arguments, environment,
directory and files, that runs the module as __main__ and ends as the interpreter ends. Only the imports were done
before. Must not start a thread or open a file that those forked would inherit, and knows no test.
"""

import ctypes
import importlib
import io
import json
import os
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

_SET_PDEATHSIG = 1


def load(module: str, *imported_later: str) -> None:
    """Import all that a program imports."""
    sys.path[0] = str(Path.cwd())
    main = f"{module}.__main__"
    for each in (main, *imported_later):
        importlib.import_module(each)
    del sys.modules[main]  # it is run anew, under its own name
    assert threads() == 1, "of several threads, a fork would have only one"


def threads() -> int:
    """Those that are not Python's as well."""
    return len(list(Path("/proc/self/task").iterdir()))


def next_order(asked: socket.socket) -> dict[str, Any]:
    """Wait for orders. Returns in those that are forked, each with its own."""
    while True:
        message, files, *_ = socket.recv_fds(asked, 1 << 20, 3)
        if not message:
            sys.exit()
        between = os.fork()
        if not between:
            order = json.loads(message)
            _be_adopted(order["parent"])
            _take_place(order, files, asked.fileno())
            asked.send(str(os.getpid()).encode())
            asked.close()
            return order
        os.waitpid(between, 0)
        for file in files:
            os.close(file)


def _be_adopted(adopter: int) -> None:
    """Go on as a child of ours, once it is the adopter's."""
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == between:
        time.sleep(0.0005)
    if os.getppid() != adopter:
        os._exit(1)


def _take_place(order: dict[str, Any], files: list[int], kept: int) -> None:
    """Be as a program that was just started; `kept`: a file that stays open for now."""
    if not order["ignores_interrupts"]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["session"]:
        os.setsid()
    if order["dies_with_parent"]:
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGTERM)
    if order["umask"] >= 0:
        os.umask(order["umask"])
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    _open_standard_files()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["directory"])
    sys.path[:1] = [] if order["safe_path"] else [str(Path.cwd())]
    sys.argv[1:] = order["arguments"]


def _open_standard_files() -> None:
    """A file of Python's keeps what it saw of the one that it was opened on, such as whether one can seek in it."""
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        old = getattr(sys, name)
        buffer = open(number, f"{mode}b", 0 if old.write_through else -1, closefd=False)  # noqa: SIM115
        newline = "\n" if mode == "w" else None
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, newline, old.line_buffering, old.write_through)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, and for those that are forked
    channel, *programs = sys.argv[1:]
    load(*programs)
    next_order(socket.socket(fileno=int(channel)))
    runpy.run_module(programs[0], run_name="__main__", alter_sys=True)
