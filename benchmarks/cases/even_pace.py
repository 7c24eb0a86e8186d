"""The time to an answer at an even 80 payments a second, while lines are switched and messages sent meanwhile.

Open loop: each payment's time counts from when it was due. Every line is off at first, and neither router nor provider
adds a delay of its own. What ours and the predecessor do behind the answer is the same, four messages included.
"""

from benchmarks.bench import Bench
from benchmarks.predecessor.running import MAX_CONNECTIONS
from benchmarks.results import Measure, Notes, Ratio

RATE = 80


def run(bench: Bench) -> list[Measure]:
    seconds = min(bench.extent.choose(20, 5), bench.ours.size.hot // RATE)
    medians: dict[str, list[float]] = {"ours": [], "predecessor": []}
    notes = Notes()
    values = bench.rounds(
        {
            "ours": lambda: _ours(bench, seconds, medians["ours"], notes),
            "predecessor": lambda: _predecessor(bench, seconds, medians["predecessor"]),
        }
    )
    median = [Ratio("ours", "predecessor", 0.5, 0.3, lower_is_better=True)]
    tail = [Ratio("ours", "predecessor", 0.7, 0.3, lower_is_better=True)]
    return [
        Measure("median of the answer", "ms", medians, median),
        Measure("99th percentile of the answer", "ms", values, tail, notes=notes.medians()),
    ]


def _ours(bench: Bench, seconds: int, medians: list[float], notes: Notes) -> float:
    bench.ours.disable("HW", seconds * RATE)
    meter = bench.ours.cpu()
    answers, _ = bench.pay_us(rate=RATE, connections=64, seconds=seconds)
    notes.add_cpu(meter.read() | {"load generator": answers.cpu}, answers.accepted)
    bench.ours.drain()
    medians.append(answers.percentile(0.5))
    return answers.percentile(0.99)


def _predecessor(bench: Bench, seconds: int, medians: list[float]) -> float:
    answers, _ = bench.pay_predecessor(sms=True, rate=RATE, connections=MAX_CONNECTIONS, seconds=seconds)
    medians.append(answers.percentile(0.5))
    return answers.percentile(0.99)
