"""From the moment a payment is due to the line being enabled, 99th percentile at 100 payments a second.

Open loop. The line counts as enabled when billing's books have the router's own reading that it is: a little later than
the truth. The router takes 5 ms for every command, of which three are needed (look up, write, read back); they are
subtracted in the second measure.
"""

from benchmarks.bench import Bench, LostPayment
from benchmarks.results import Measure

RATE = 100
_DELAY = 0.005
_COMMANDS = 3


def run(bench: Bench) -> list[Measure]:
    seconds = min(bench.extent.choose(20, 5), bench.ours.size.hot // RATE)
    medians: list[float] = []
    whole = bench.rounds({"ours": lambda: _once(bench, seconds, medians)})["ours"]
    own = _COMMANDS * _DELAY * 1000
    return [
        Measure("median", "ms", {"ours": medians}),
        Measure("99th percentile", "ms", {"ours": whole}),
        Measure("beyond the router's own delay", "ms", {"ours": [value - own for value in whole]}, limit=50),
    ]


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
