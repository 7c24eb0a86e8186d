"""One of the two: brings this checkout's system up and carries out rounds for whoever asks on stdin.

A line in names a round, a line out has its figures as JSON. Its arguments are settings, each NAME=VALUE. It is run by
file name with the interpreter of the checkout that it measures, so it may use of `benchmarks` only what older commits
have as well.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

sys.path.insert(0, ".")

from benchmarks.accounts import Size
from benchmarks.bench import Bench, Extent
from benchmarks.load.generator import allow_many_connections
from benchmarks.mysql_server import MySqlServer
from benchmarks.ours import Ours
from benchmarks.ports import free_ports

_SIZE = Size(hot=5000, many=10, many_isps=2, waiting=10)
_CONNECTIONS = 256
_BURST = 3000
_EVEN_RATE, _EVEN_SECONDS = 80, 20
_BUSY_RATE, _BUSY_SECONDS = 300, 12

Figures = Mapping[str, float]


def main() -> None:
    allow_many_connections()
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="rejesha-beside-")))
        (directory / "log").mkdir()
        mysql = running.enter_context(MySqlServer(*free_ports(2)))
        given = dict(word.split("=", 1) for word in sys.argv[1:])
        ours = Ours(mysql, directory, _SIZE, given) if given else Ours(mysql, directory, _SIZE)
        running.callback(ours.stop)
        ours.start()
        bench = Bench(mysql, ours, None, None, Extent(1, 1, quick=False), directory, lambda _line: None)  # type: ignore[arg-type]  # no peers here
        _answer({})
        for line in sys.stdin:
            _answer(_ROUNDS[line.strip()](bench))


def _answer(figures: Figures) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def _whole_job(bench: Bench) -> Figures:
    bench.ours.disable("HW", _BURST)
    return _measured(bench, {"connections": _CONNECTIONS, "seconds": 120, "most": _BURST}, until_done=True)


def _hot_wallet(bench: Bench) -> Figures:
    return _measured(bench, {"connections": _CONNECTIONS, "seconds": 5})


def _even_pace(bench: Bench) -> Figures:
    return _paced(bench, _EVEN_RATE, _EVEN_SECONDS)


def _busy_pace(bench: Bench) -> Figures:
    return _paced(bench, _BUSY_RATE, _BUSY_SECONDS)


def _paced(bench: Bench, rate: int, seconds: int) -> Figures:
    """An open loop at an even rate, every line off at first."""
    bench.ours.disable("HW", rate * seconds)
    return _measured(bench, {"rate": rate, "connections": 128, "seconds": seconds}, until_done=True)


def _measured(bench: Bench, plan: Mapping[str, Any], *, until_done: bool = False) -> Figures:
    """Rate, answer times in ms, and CPU in µs a payment; with `until_done`, of all that follows from the payments."""
    meter, began = bench.ours.cpu(), monotonic()
    answers, _ = bench.pay_us(**plan)
    took = monotonic() - began
    used = {} if until_done else meter.read()
    bench.ours.drain()
    if until_done:
        used, took = meter.read(), monotonic() - began
    cpu = {f"CPU {name}": seconds * 1e6 / answers.accepted for name, seconds in used.items()}
    return {
        "payments/s": answers.accepted / took if until_done else answers.per_second,
        "median": answers.percentile(0.5),
        "p99": answers.percentile(0.99),
        "CPU": sum(cpu.values()),
        **cpu,
    }


_ROUNDS: Mapping[str, Callable[[Bench], Figures]] = {
    "whole_job": _whole_job,
    "hot_wallet": _hot_wallet,
    "even_pace": _even_pace,
    "busy_pace": _busy_pace,
}


if __name__ == "__main__":
    main()
