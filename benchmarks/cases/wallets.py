"""Payments acknowledged a second when all credit one wallet, beside the same when they credit many.

Closed loop; 1,000 wallets in the whole form.
"""

from benchmarks.bench import Bench
from benchmarks.results import Measure, Ratio


def run(bench: Bench) -> list[Measure]:
    values = bench.rounds({"one": lambda: _pay(bench, "HW"), "many": lambda: _pay(bench, "MW")})
    about = {"wallets": bench.ours.size.many_isps}
    return [Measure("payments acknowledged", "/s", values, [Ratio("one", "many", 0.95)], notes=about)]


def _pay(bench: Bench, suffix: str) -> float:
    connections = bench.peak("ours")[1]
    answers, _ = bench.pay_us(suffix=suffix, connections=connections, seconds=bench.extent.seconds)
    bench.ours.drain()
    return answers.per_second
