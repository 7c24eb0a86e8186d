"""Durable payments acknowledged a second when all of them credit one wallet, beside the predecessor and raw InnoDB.

Closed loop, each system with the number of connections that suits it best. The dispatcher runs as in production; its
queue may grow during the burst and is drained, untimed for the others, before the next contender has its turn. The
predecessor sends no messages here and its router answers at once: that is its best.
"""

import secrets
import statistics

from benchmarks.bench import Bench
from benchmarks.raw import batches, one_by_one
from benchmarks.results import Measure, Notes, Ratio

_RAW_CONNECTIONS = (4, 8, 16)
_RAW_BATCH = 200


def run(bench: Bench) -> list[Measure]:
    notes = Notes()
    payments = bench.extent.choose(6000, 2000)
    connections = max(
        _RAW_CONNECTIONS, key=lambda n: one_by_one.per_second(bench.mysql, connections=n, payments=payments // 2)
    )
    values = bench.rounds(
        {
            "ours": lambda: _ours(bench, notes),
            "predecessor": lambda: _predecessor(bench),
            "raw, one by one": lambda: one_by_one.per_second(bench.mysql, connections=connections, payments=payments),
            "raw, batches": lambda: batches.per_second(
                bench.mysql, bench.raw, batch=_RAW_BATCH, seconds=bench.extent.seconds, mark=secrets.token_hex(3)
            ),
        }
    )
    for name in ("ours", "predecessor"):
        bench.set_peak(name, statistics.median(values[name]))
    asked = [
        Ratio("ours", "predecessor", 18, 45),
        Ratio("ours", "raw, one by one", 2.5, 4),
        Ratio("ours", "raw, batches", None, 0.25),
    ]
    about = notes.medians() | {
        "our connections": bench.peak("ours")[1],
        "the predecessor's connections": bench.peak("predecessor")[1],
        "raw connections": connections,
    }
    return [Measure("payments acknowledged", "/s", values, asked, notes=about)]


def _ours(bench: Bench, notes: Notes) -> float:
    meter = bench.ours.cpu()
    answers, _ = bench.pay_us(connections=bench.peak("ours")[1], seconds=bench.extent.seconds)
    notes.add_cpu(meter.read() | {"load generator": answers.cpu}, answers.accepted)
    notes.add("not accepted", sum(answers.failed.values()))
    notes.add("payments in the burst", answers.accepted)
    notes.add("drained afterwards in s", bench.ours.drain())
    return answers.per_second


def _predecessor(bench: Bench) -> float:
    answers, _ = bench.pay_predecessor(connections=bench.peak("predecessor")[1], seconds=bench.extent.seconds)
    return answers.per_second
