"""The median time to the answer of a payment that comes alone, beside one raw durable transaction of the same rows.

One connection, one payment at a time, with a pause after each in which the system comes to rest.
"""

from benchmarks.bench import Bench
from benchmarks.raw import one_by_one
from benchmarks.results import Measure, Ratio

_PAUSE = 0.03


def run(bench: Bench) -> list[Measure]:
    payments = bench.extent.choose(200, 60)
    values = bench.rounds(
        {
            "ours": lambda: _ours(bench, payments),
            "raw": lambda: one_by_one.lone_ms(bench.mysql, payments=payments, pause=_PAUSE),
        }
    )
    return [Measure("median of a lone payment", "ms", values, [Ratio("ours", "raw", 3, 2, lower_is_better=True)])]


def _ours(bench: Bench, payments: int) -> float:
    answers, _ = bench.pay_us(connections=1, seconds=60, most=payments, pause=_PAUSE, warmup=0.3)
    bench.ours.drain()
    return answers.percentile(0.5)
