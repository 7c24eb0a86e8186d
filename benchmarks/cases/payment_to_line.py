"""From the moment a payment is due to the line being enabled, 99th percentile at 100 payments a second, beside raw
transactions of one payment at the same rate.

Open loop. The line counts as enabled when billing's books have the router's own reading that it is: a little later than
the truth. The router takes 5 ms for every command, of which three are needed (look up, write, read back); they are
subtracted in the second measure. What is left is several transactions, one after the other, in four processes.
"""

import secrets

from benchmarks.bench import Bench, LostPayment
from benchmarks.raw import paced
from benchmarks.results import Measure, Ratio

RATE = 100
_DELAY = 0.005
_COMMANDS = 3


def run(bench: Bench) -> list[Measure]:
    seconds = min(bench.extent.choose(20, 5), bench.ours.size.hot // RATE)
    medians: list[float] = []
    values = bench.rounds({"ours": lambda: _once(bench, seconds, medians), "raw": lambda: _raw(bench, seconds)})
    whole, own = values["ours"], _COMMANDS * _DELAY * 1000
    beyond = {"ours": [value - own for value in whole], "raw transaction": values["raw"]}
    asked = [Ratio("ours", "raw transaction", None, 10, lower_is_better=True)]
    return [
        Measure("median", "ms", {"ours": medians}),
        Measure("99th percentile", "ms", {"ours": whole}),
        Measure("99th percentile beyond the router's own delay", "ms", beyond, asked),
    ]


def _raw(bench: Bench, seconds: int) -> float:
    times = paced.times(bench.mysql, bench.raw, rate=RATE, seconds=seconds, mark=secrets.token_hex(3), most=1)
    return paced.percentile(times, 0.99)


def _once(bench: Bench, seconds: int, medians: list[float]) -> float:
    bench.ours.disable("HW", seconds * RATE)
    bench.ours.delay_routers(_DELAY)
    try:
        answers, prefix = bench.pay_us(rate=RATE, connections=64, seconds=seconds)
        bench.ours.drain()
    finally:
        bench.ours.delay_routers(0)
    rows = bench.mysql.query(
        "rejesha",
        "SELECT trans_id, UNIX_TIMESTAMP(end_time) AS ended FROM tasks"
        " WHERE trans_id LIKE %s AND kind = 'set_access' AND state = 'done'",
        f"{prefix}%",
    )
    if len(rows) < answers.accepted:
        raise LostPayment(f"{answers.accepted} acknowledged, {len(rows)} lines enabled")
    times = sorted((float(row["ended"]) - answers.began - int(row["trans_id"][-6:]) / RATE) * 1000 for row in rows)
    medians.append(times[len(times) // 2])
    return times[int(len(times) * 0.99)]
