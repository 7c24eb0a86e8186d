"""The whole job a second: answered, the line enabled on the router, four messages handed to the provider.

A burst of payments is sent, and the clock stops when its last message is with the provider. Every line is off at first.
Neither router nor provider adds a delay of its own, for the predecessor no more than for us.
"""

import time

from benchmarks.bench import Bench, LostPayment
from benchmarks.results import Measure, Notes, Ratio

_MESSAGES = 4


def run(bench: Bench) -> list[Measure]:
    payments = min(bench.extent.choose(5000, 500), bench.ours.size.hot)
    notes = Notes()
    values = bench.rounds(
        {
            "ours": lambda: _ours(bench, payments, notes),
            "predecessor": lambda: _predecessor(bench, bench.extent.choose(1000, 200)),
        }
    )
    asked = [Ratio("ours", "predecessor", 7, 15)]
    return [Measure("whole jobs", "/s", values, asked, notes=notes.medians() | {"payments in our burst": payments})]


def _ours(bench: Bench, payments: int, notes: Notes) -> float:
    _, connections = bench.peak("ours")
    bench.ours.disable("HW", payments)
    meter, began = bench.ours.cpu(), time.monotonic()
    answers, prefix = bench.pay_us(connections=connections, seconds=120, most=payments)
    bench.ours.drain()
    took = time.monotonic() - began
    notes.add_cpu(meter.read(), payments)
    pattern = f"{prefix}%"
    enabled = bench.ours.number(
        "SELECT COUNT(*) FROM tasks WHERE trans_id LIKE %s AND kind = 'set_access' AND state = 'done'", pattern
    )
    sent = bench.ours.number("SELECT COUNT(*) FROM messages WHERE subject LIKE %s AND state = 'SENT'", pattern)
    if not payments == answers.accepted == enabled or sent < _MESSAGES * payments:
        raise LostPayment(f"{payments} sent, {answers.accepted} answered, {enabled} enabled, {sent} messages")
    return payments / took


def _predecessor(bench: Bench, payments: int) -> float:
    _, connections = bench.peak("predecessor")
    began = time.monotonic()
    answers, _ = bench.pay_predecessor(sms=True, connections=connections, seconds=120, most=payments)
    if answers.accepted != payments:
        raise LostPayment(f"the predecessor answered {answers.accepted} of {payments}")
    return payments / (time.monotonic() - began)
