"""How `make run`, the tests and the benchmarks start processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.local.processes import Process

_PARENT = """
import sys, time
from pathlib import Path
from deploy.local.processes import Process
process = Process("child", ["http.server", "0", "--bind", "127.0.0.1"], {}, Path(sys.argv[1]))
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""


def test_a_start_runs_nobody_s_fork_handlers(tmp_path):
    """gRPC has one that now and then waits for ever, and with it whoever restarts a process that died."""
    run = []
    os.register_at_fork(before=lambda: run.append("before"))
    Process("short", ["platform"], {}, tmp_path / "log").run()
    assert run == []


def test_a_process_does_not_outlive_the_one_that_started_it(tmp_path):
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = Path("/proc", parent.stdout.readline().strip())
        _until(lambda: b"http.server" in _command(child) and b"setpriv" not in _command(child))
        parent.send_signal(signal.SIGKILL)
    _until(lambda: not _command(child))


def _command(process):
    """The command line of a process; empty when it has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
