"""Payments acknowledged a second at twice the load that saturates us, beside those at saturation.

Saturation is the closed loop at its best. Twice is an open loop at double that rate on so many connections that it is
the server that has to bear it; an answer counts when it is a 200 and comes within eight seconds of when it was due.
"""

import statistics

from benchmarks.bench import Bench
from benchmarks.results import Measure, Ratio


def run(bench: Bench) -> list[Measure]:
    failures: list[float] = []
    seconds = bench.extent.seconds * 2
    values = bench.rounds(
        {"at saturation": lambda: _saturated(bench, seconds), "at twice": lambda: _twice(bench, seconds, failures)}
    )
    about = {"share not accepted at twice": statistics.median(failures)}
    return [Measure("payments acknowledged", "/s", values, [Ratio("at twice", "at saturation", 0.95)], notes=about)]


def _saturated(bench: Bench, seconds: float) -> float:
    answers, _ = bench.pay_us(connections=bench.peak("ours")[1], seconds=seconds)
    bench.ours.drain()
    return answers.per_second


def _twice(bench: Bench, seconds: float, failures: list[float]) -> float:
    rate = 2 * bench.peak("ours")[0]
    connections = bench.extent.choose(4000, 1000)
    answers, _ = bench.pay_us(rate=rate, connections=connections, seconds=seconds, warmup=1)
    failures.append(1 - answers.accepted / (rate * seconds))
    bench.ours.drain()
    return answers.per_second
