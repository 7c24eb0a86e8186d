"""Durable payments acknowledged a second when every line is given up, beside the same when every line is good.

Closed loop on one ISP's customers. For the failing ones the routers have no secret of the name on record, so each
payment leads to a line that is given up, a message to the admins about it, and another text for the customer.
"""

from benchmarks.bench import Bench
from benchmarks.ours import SCHEMA
from benchmarks.results import Measure, Ratio

_RENAME = "UPDATE pppoe_users SET username = CONCAT(%s, account_name) WHERE account_name LIKE '%%HW'"


def run(bench: Bench) -> list[Measure]:
    values = bench.rounds({"given up": lambda: _pay(bench, "gone-"), "good lines": lambda: _pay(bench, "")})
    return [Measure("payments acknowledged", "/s", values, [Ratio("given up", "good lines", 0.8, 0.95)])]


def _pay(bench: Bench, before_the_name: str) -> float:
    bench.mysql.query(SCHEMA, _RENAME, before_the_name)
    try:
        answers, _ = bench.pay_us(connections=bench.peak("ours")[1], seconds=bench.extent.seconds)
        bench.ours.drain()
    finally:
        bench.mysql.query(SCHEMA, _RENAME, "")
    return answers.per_second
