"""The memory of each service at rest, and after many payments with everything that follows from them.

At rest is before the first case of the run. Then payments in bursts, each drained, with a reading after each: up to a
million or twenty minutes, whichever comes first, in the whole form.
"""

import time

from benchmarks.bench import Bench
from benchmarks.machine import resident_mb
from benchmarks.ours import SERVICES
from benchmarks.results import Measure

_MINUTES = 20


def run(bench: Bench) -> list[Measure]:
    payments = bench.extent.choose(1_000_000, 3000)
    burst = bench.extent.choose(20_000, 1000)
    deadline = time.monotonic() + _MINUTES * 60
    done, readings = 0, [(0, _read(bench))]
    while done < payments and time.monotonic() < deadline:
        answers, _ = bench.pay_us(connections=bench.peak("ours")[1], seconds=120, most=burst)
        bench.ours.drain()
        done += answers.accepted
        readings.append((done, _read(bench)))
        bench.say(f"    {done:,} payments: {readings[-1][1]}")
    half = readings[len(readings) // 2][1]
    about = {"payments": done, "readings": readings}
    return [
        Measure(
            f"resident memory of {name}",
            "MB",
            {"at rest": [bench.ours.at_rest[name]], "half way": [half[name]], "at the end": [readings[-1][1][name]]},
            notes=about,
        )
        for name in SERVICES
    ]


def _read(bench: Bench) -> dict[str, float]:
    return {name: round(resident_mb(pid), 1) for name, pid in bench.ours.pids() if name in SERVICES}
