"""How `make run`, the tests and the benchmarks start processes."""

import os
import signal
import subprocess
import sys
import time

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
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _is_there(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
