"""The time to the answer at half of our peak, while lines are switched and messages sent meanwhile, beside raw batches.

Open loop: payments are due at an even pace and their time counts from then, so a stall counts for all that it delayed.
The raw writer commits what is due by now in one transaction, at the same rate, and does nothing else. A round is a
minute, because the longest answer of a minute is asked for as well.
"""

import secrets

from benchmarks.bench import Bench
from benchmarks.raw import paced
from benchmarks.results import Measure, Notes, Ratio


def run(bench: Bench) -> list[Measure]:
    rate = bench.peak("ours")[0] / 2
    medians: dict[str, list[float]] = {"ours": [], "raw, batches": []}
    longest: list[float] = []
    notes = Notes()
    values = bench.rounds(
        {
            "ours": lambda: _ours(bench, rate, medians["ours"], longest, notes),
            "raw, batches": lambda: _raw(bench, rate, medians["raw, batches"]),
        }
    )
    asked = [Ratio("ours", "raw, batches", 4, 2, lower_is_better=True)]
    about = notes.medians() | {"payments a second": rate}
    tail = {"longest in a minute": longest, "99th percentile": values["ours"]}
    return [
        Measure("99th percentile at half of the peak", "ms", values, asked, notes=about),
        Measure("median at half of the peak", "ms", medians),
        Measure("our tail", "ms", tail, [Ratio("longest in a minute", "99th percentile", 4, 2, lower_is_better=True)]),
    ]


def _ours(bench: Bench, rate: float, medians: list[float], longest: list[float], notes: Notes) -> float:
    meter = bench.ours.cpu()
    answers, _ = bench.pay_us(rate=rate, connections=512, seconds=_seconds(bench))
    notes.add_cpu(meter.read() | {"load generator": answers.cpu}, answers.accepted)
    notes.add("not accepted", sum(answers.failed.values()))
    bench.ours.drain()
    medians.append(answers.percentile(0.5))
    longest.append(answers.percentile(1))
    return answers.percentile(0.99)


def _raw(bench: Bench, rate: float, medians: list[float]) -> float:
    mark = secrets.token_hex(3)
    times = paced.times(bench.mysql, bench.raw, rate=rate, seconds=_seconds(bench) / 2, mark=mark)
    medians.append(paced.percentile(times, 0.5))
    return paced.percentile(times, 0.99)


def _seconds(bench: Bench) -> int:
    return bench.extent.choose(60, 6)
