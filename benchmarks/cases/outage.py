"""How fast the whole job catches up after an outage, beside the rate at which payments keep arriving.

100 payments a second arrive all the time. router-control and notify are killed for a while and started again; from
then on the payments finished a second count until the backlog is gone.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bench import Bench
from benchmarks.ours import OPEN_TASKS, UNSENT_MESSAGES
from benchmarks.results import Measure, Ratio

RATE = 100
_AWAY = ("router-control", "notify")


def run(bench: Bench) -> list[Measure]:
    outage = bench.extent.choose(20, 6)
    values = bench.rounds({"drain": lambda: _once(bench, outage)})
    arrivals = [float(RATE)] * len(values["drain"])
    asked = [Ratio("drain", "arrivals", 5)]
    return [Measure("payments finished", "/s", values | {"arrivals": arrivals}, asked, notes={"outage in s": outage})]


def _once(bench: Bench, outage: int) -> float:
    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(bench.pay_us, rate=RATE, connections=64, seconds=3 * outage)
        time.sleep(1)
        _break_down(bench, outage)
        rate = _catch_up(bench, 2 * outage)
        load.result()
    bench.ours.drain()
    return rate


def _break_down(bench: Bench, seconds: int) -> None:
    processes = [bench.ours.system.processes[name] for name in _AWAY]
    for process in processes:
        process.kill()
    time.sleep(seconds)
    for process in processes:
        process.start()
    for process in processes:
        process.wait_ready()


def _catch_up(bench: Bench, patience: float) -> float:
    """Payments finished a second until no more are open than arrive in a second."""
    began, backlog = time.monotonic(), _unfinished(bench)
    while True:
        time.sleep(0.25)
        left, took = _unfinished(bench), time.monotonic() - began
        if left <= RATE or took > patience:
            return (backlog - left + RATE * took) / took


def _unfinished(bench: Bench) -> int:
    """Payments with an open task or a message that the provider has not got; as bytes, for the collations differ."""
    return bench.ours.number(
        f"SELECT COUNT(*) FROM (SELECT CAST(trans_id AS BINARY) FROM tasks WHERE {OPEN_TASKS}"
        f" UNION SELECT CAST(subject AS BINARY) FROM messages WHERE {UNSENT_MESSAGES}) unfinished"
    )
