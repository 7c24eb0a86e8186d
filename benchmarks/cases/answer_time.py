"""The 99th percentile of the time to an answer, each system at half of its own peak.

Open loop: payments are due at an even pace and their time counts from then, so a stall counts for all that it delayed.
"""

from benchmarks.bench import Bench
from benchmarks.predecessor.running import MAX_CONNECTIONS
from benchmarks.results import Measure, Ratio


def run(bench: Bench) -> list[Measure]:
    medians: dict[str, list[float]] = {"ours": [], "predecessor": []}
    values = bench.rounds({"ours": lambda: _ours(bench, medians), "predecessor": lambda: _predecessor(bench, medians)})
    rates = {f"{name}: payments a second": bench.peak(name)[0] / 2 for name in values}
    asked = [Ratio("ours", "predecessor", 0.5, 0.2, lower_is_better=True)]
    return [
        Measure("99th percentile at half of the peak", "ms", values, asked, notes=rates),
        Measure("median at half of the peak", "ms", medians),
    ]


def _ours(bench: Bench, medians: dict[str, list[float]]) -> float:
    rate = bench.peak("ours")[0] / 2
    answers, _ = bench.pay_us(rate=rate, connections=512, seconds=bench.extent.seconds * 2)
    bench.ours.drain()
    medians["ours"].append(answers.percentile(0.5))
    return answers.percentile(0.99)


def _predecessor(bench: Bench, medians: dict[str, list[float]]) -> float:
    rate = bench.peak("predecessor")[0] / 2
    answers, _ = bench.pay_predecessor(rate=rate, connections=MAX_CONNECTIONS, seconds=bench.extent.seconds * 2)
    medians["predecessor"].append(answers.percentile(0.5))
    return answers.percentile(0.99)
