"""What happened to a customer in one order: payments, changes, routers' answers and messages."""

from datetime import UTC, datetime, timedelta

import pytest

PAID = datetime(2026, 11, 23, 5, 0, 1, 250_000, tzinfo=UTC)  # 08:00:01.250 in Nairobi


@pytest.fixture
def jane(billing, notifier):
    facts = {"full_name": "Jane", "phone": "0712345678", "username": "j", "router_id": 1}
    billing.add_customers("0949AQ", package_cents=100_000, **facts)
    billing.pay("QGH7SK61SU", "0949AQ", receive_time=PAID)
    billing.pay("QGH7SK61SV", "0949AQ", 40_000, receive_time=PAID + timedelta(days=1))
    notifier.accept("m1", "QGH7SK61SU", "SENT")


def test_payments_changes_and_messages_are_told_newest_first(installation, jane):
    installation("customer", "update", "0949AQ", "--package", "1200", "--reason", "raised", "--by", "Amina")
    told = installation("customer", "timeline", "0949 aq", "--json").document
    times = [one["time"] for one in told["events"]]
    assert (times, told["more"]) == (sorted(times, reverse=True), False)
    of = {one["event"]: one for one in told["events"]}
    assert {"payment_customer_paid", "payment_customer_partial", "changed", "message_sent"} <= of.keys()
    paid = of["payment_customer_paid"]
    assert (paid["amount"], paid["about"]) == ("1000.00", "QGH7SK61SU")
    assert "paid until 2026-12-" in paid["message"]
    changed = next(one for one in told["events"] if one["message"] == "package: 1000.00 → 1200.00")
    assert (changed["actor"], changed["reason"]) == ("Amina", "raised")
    assert "You are on." in of["message_sent"]["message"]
    for shape in ("--csv", "--limit=0"):
        shown = installation("customer", "timeline", "0949AQ", shape).out
        assert "raised" in shown
        assert "You are on." in shown


def test_a_span_and_a_limit_tell_the_newest_of_it(installation, jane):
    told = installation("customer", "timeline", "id:1", "--json").document["events"]
    first = installation("customer", "timeline", "id:1", "--limit", "2", "--json").document
    assert (first["events"], first["more"]) == (told[:2], True)
    later = installation("customer", "timeline", "id:1", "--since", "2026-11-24", "--json").document["events"]
    assert later == [one for one in told if one["time"] >= "2026-11-24"]
    assert "QGH7SK61SU" not in [one["about"] for one in later if one["event"].startswith("payment")]
    assert installation("customer", "timeline", "id:1", "--since", "yesterday").code == 2
    assert installation("customer", "timeline", "0000ZZ").code == 1
