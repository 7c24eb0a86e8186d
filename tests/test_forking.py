"""A program that is forked from one that was loaded is what one that is executed is."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from deploy.local.processes import DYING_WITH_US
from tests.forking import PROGRAMS, Servers

pytestmark = [pytest.mark.processes, pytest.mark.executed]

COMMAND = [sys.executable, "-m", "saying"]
PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
_PARENT = """
import subprocess, sys, time
from forking import Servers
with Servers({"saying": ()}).forking():
    process = subprocess.Popen([*sys.argv[1:], "waits"], stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _beside_the_program(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


@pytest.fixture(scope="module")
def servers():
    servers = Servers({"saying": (), **PROGRAMS})
    yield servers
    servers.stop()


@pytest.fixture
def both(servers):
    """A program twice: executed, then forked. What pytest put in the environment past `os.environ` is left out."""

    def start(command, **options):
        for how in (nullcontext, servers.forking):
            with how():
                process = subprocess.Popen(command, **PIPES | {"env": os.environ} | options)
            yield process

    return start


def is_forked(process):
    return "forkserver" in Path(f"/proc/{process.pid}/cmdline").read_text()


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (COMMAND, {}),
        (COMMAND, {"umask": 0o077, "start_new_session": True}),
        (COMMAND, {"env": {"SAID": "ä", **{name: os.environ[name] for name in os.environ if name != "HOME"}}}),
        (COMMAND, {"stderr": subprocess.STDOUT, "stdin": subprocess.PIPE}),
        ([sys.executable, "-P", *COMMAND[1:]], {"env": os.environ | {"PYTHONPATH": "."}}),
        ([*DYING_WITH_US, *COMMAND], {}),
    ],
)
def test_it_finds_what_an_executed_one_finds(both, command, options):
    executed, forked = (process.communicate("")[0] for process in both([*command, "0"], **options))
    finds = json.loads(forked.splitlines()[0])
    assert finds == json.loads(executed.splitlines()[0])
    assert finds["parent"] == os.getpid()


@pytest.mark.parametrize("end", ["0", "3", "fails", "speaks"])
def test_it_ends_as_an_executed_one_ends(both, end):
    executed, forked = (
        (process.wait(), said.splitlines()[1:], complained.splitlines()[-1:])
        for process in both([*COMMAND, end])
        for said, complained in [process.communicate()]
    )
    assert executed == forked
    assert executed[1] == ["at the exit"]


@pytest.fixture
def interruptible():
    """Whatever this run ignores: one that a shell started in the background ignores Ctrl-C, as all that it executes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_of_a_signal_as_an_executed_one_does(both, number):
    ends = []
    for process in both([*COMMAND, "waits"]):
        process.stdout.readline()
        assert is_forked(process) == bool(ends)
        process.send_signal(number)
        said, complained = process.communicate()
        ends.append((process.returncode, said, complained.splitlines()[1:]))
    assert ends[0][:2] == ends[1][:2]
    assert ends[0][2][-1:] == ends[1][2][-1:]


def test_a_file_takes_what_it_says(servers, tmp_path):
    with servers.forking(), (tmp_path / "said").open("w") as said:
        assert subprocess.run([*COMMAND, "3"], stdout=said, stderr=said, check=False).returncode == 3
    assert "at the exit" in (tmp_path / "said").read_text()


def test_two_of_them_draw_other_random_numbers(servers):
    with servers.forking():
        drawn = {
            subprocess.run([*COMMAND, "draws"], capture_output=True, check=True).stdout.splitlines()[1]
            for _ in range(2)
        }
    assert len(drawn) == 2


@pytest.mark.parametrize("dies", [False, True])
def test_it_outlives_whoever_started_it_unless_it_is_to_die_with_them(dies):
    command = [*(DYING_WITH_US if dies else ()), *COMMAND]
    with subprocess.Popen([sys.executable, "-c", _PARENT, *command], stdout=subprocess.PIPE, text=True) as parent:
        process = Path("/proc", parent.stdout.readline().strip())
        assert "forkserver" in (process / "cmdline").read_text()
        parent.send_signal(signal.SIGKILL)
    _until(lambda: status(process).get("PPid") != str(parent.pid))
    if not dies:
        assert status(process)["State"].startswith("S")
        os.kill(int(process.name), signal.SIGKILL)
    _until(lambda: status(process).get("State", "Z").startswith("Z"))


def status(process):
    """What the system says of a process; nothing when it is gone."""
    try:
        return dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    except (FileNotFoundError, ProcessLookupError):
        return {}


def _until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("options", [{"env": os.environ | {"PYTHONPATH": "elsewhere"}}, {"preexec_fn": os.getpid}])
def test_what_a_fork_cannot_be_is_executed(servers, options):
    with servers.forking(), subprocess.Popen([*COMMAND, "waits"], **PIPES | options) as process:
        process.stdout.readline()
        assert not is_forked(process)
        process.kill()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_can_be_forked(both, program):
    executed, forked = (
        (process.communicate(), process.returncode) for process in both([sys.executable, "-m", program, "--help"])
    )
    assert executed == forked
