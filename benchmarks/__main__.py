"""`python -m benchmarks`: brings everything up, runs the cases, prints the table and writes the result file.

QUICK=1 is the short form. CASE=name (or several, with commas) runs only those; CASE=list names them.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from benchmarks import machine, report
from benchmarks.accounts import Size
from benchmarks.bench import Bench, Extent
from benchmarks.cases import CASES, Case
from benchmarks.load.generator import allow_many_connections
from benchmarks.mysql_server import MySqlServer, NoDocker
from benchmarks.ours import ADMINS, SCHEMA, Ours
from benchmarks.ports import free_ports
from benchmarks.predecessor.running import Predecessor
from benchmarks.raw import setup
from deploy.local.processes import NotReady

_WHOLE = Extent(rounds=5, seconds=5, quick=False)
_QUICK = Extent(rounds=2, seconds=2, quick=True)
_SIZES = {False: Size(hot=10_000, many=10_000, many_isps=1000, waiting=10_000), True: Size(2000, 2000, 200, 1000)}


_STOP = (signal.SIGINT, signal.SIGTERM)
# Starting everything takes a core for a while; a higher load is someone else's work.
_BUSY = 2.0


class UnknownCase(Exception):
    """No case has this name."""


def main() -> int:
    argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__).parse_args()
    wanted = os.environ.get("CASE", "")
    if wanted == "list":
        sys.stdout.writelines(f"{case.name:22} {case.what}\n" for case in CASES)
        return 0
    try:
        cases = _choose(wanted)
        extent = _QUICK if os.environ.get("QUICK", "") not in {"", "0"} else _WHOLE
        allow_many_connections()
        for number in _STOP:
            signal.signal(number, _interrupt)
        with _bench(extent) as bench:
            return _run(bench, cases)
    except (NoDocker, NotReady, UnknownCase) as error:
        _say(f"benchmarks: {error}")
        return 1
    except KeyboardInterrupt:
        _say("benchmarks: stopped")
        return 130


def _choose(wanted: str) -> Sequence[Case]:
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    known = {case.name: case for case in CASES}
    if unknown := set(names) - set(known):
        raise UnknownCase(f"no case {min(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or CASES


@contextmanager
def _bench(extent: Extent) -> Iterator[Bench]:
    """Everything that the cases need, up and filled; gone afterwards, whatever happens."""
    with ExitStack() as running:
        directory = Path(tempfile.mkdtemp(prefix="rejesha-bench-"))
        running.callback(shutil.rmtree, directory, ignore_errors=True)
        (directory / "log").mkdir()
        size = _SIZES[extent.quick]
        mysql_port, x_port, *predecessor_ports = free_ports(5)
        _say("starting MySQL")
        mysql = running.enter_context(MySqlServer(mysql_port, x_port))
        _say("starting Rejesha, its simulated routers and SMS provider")
        ours = Ours(mysql, directory, size)
        running.callback(ours.stop)
        ours.start()
        _say("starting the predecessor")
        first, second, third = predecessor_ports
        predecessor = Predecessor(mysql, directory / "log", (first, second, third), ours.sms_api)
        running.callback(predecessor.stop)
        predecessor.start(size.hot)
        raw = setup.create(mysql, SCHEMA, ADMINS)
        yield Bench(mysql, ours, predecessor, raw, extent, directory, _say)


def _run(bench: Bench, cases: Sequence[Case]) -> int:
    result = report.Result(
        began=datetime.now(UTC),
        quick=bench.extent.quick,
        machine=machine.describe(bench.directory),
        mysql=bench.mysql.variables(),
        rows_per_payment=bench.raw.count,
    )
    if os.getloadavg()[0] > _BUSY:
        _say(f"benchmarks: the load is {os.getloadavg()[0]:.1f} before the first case: what is measured will not hold")
    broken = False
    for case in cases:
        _say(f"{case.name}: {case.what}")
        try:
            result.add(case, case.run(bench))
        except Exception as error:  # noqa: BLE001  # one case that breaks must not cost the others' results
            broken = True
            result.add_failure(case, error)
            _say(f"    broken: {type(error).__name__}: {error}")
            _keep_logs(bench.directory)
        path = result.write(Path(__file__).parent / "results")  # a run that is stopped keeps what it has
    report.show(result)
    _say(f"written to {path}")
    return int(broken)


def _keep_logs(directory: Path) -> None:
    kept = Path("var") / "benchmark-logs"
    shutil.copytree(directory / "log", kept, dirs_exist_ok=True)
    _say(f"    the processes' logs are in {kept}")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Stop, and let nothing stop us from cleaning up."""
    for number in _STOP:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
