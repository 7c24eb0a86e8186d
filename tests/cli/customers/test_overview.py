"""A customer with all that is known of them, as whoever answers the telephone needs it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing.schema import pppoe_users

PAID = datetime(2026, 11, 23, 5, 0, 1, 250_000, tzinfo=UTC)  # 08:00:01.250 in Nairobi


@pytest.fixture
def jane(billing, notifier):
    facts = {"full_name": "Jane", "phone": "0712345678", "username": "j", "router_id": 1}
    billing.add_customers("0949AQ", package_cents=100_000, **facts)
    billing.pay("QGH7SK61SU", "0949AQ", receive_time=PAID)
    billing.pay("QGH7SK61SV", "0949AQ", 40_000, receive_time=PAID + timedelta(days=1))
    notifier.accept("m1", "QGH7SK61SU", "SENT")


def test_a_customer_is_shown_with_payments_line_messages_and_what_happened(installation, router_control, jane):
    installation("router", "update", 1, "--address", "127.0.0.1", "--port", 1, "--username", "a", "--default-login")
    installation("customer", "update", "0949AQ", "--package", "1200", "--by", "Amina")
    shown = installation("customer", "show", "0949aq", "--json").document
    assert (shown["account_name"], shown["full_name"], shown["twins"]) == ("0949AQ", "Jane", [])
    assert [one["trans_id"] for one in shown["payments"]] == ["QGH7SK61SV", "QGH7SK61SU"]
    assert [one["text"] for one in shown["messages"]] == ["You are on."]
    assert shown["line"]["access"] is None
    assert shown["line"]["detail"]
    events = [one["event"] for one in shown["timeline"]]
    assert events[:2] == ["PAYMENT_RECEIVED", "PAYMENT_RECEIVED"]
    assert {"PROCESSING_COMPLETE", "INSUFFICIENT_PAYMENT", "MESSAGE_SENT", "RECORD_CHANGED"} <= set(events)
    assert [one["time"] for one in shown["timeline"]] == sorted(one["time"] for one in shown["timeline"])
    table = installation("customer", "show", "0949AQ").out
    for fact in ("Jane", "The line now", "QGH7SK61SV", "customer partial", "→", "by Amina", "SMS to"):
        assert fact in table


def test_all_namesakes_of_an_ambiguous_account_are_shown(installation, billing, jane):
    with billing.engine.begin() as connection:
        connection.execute(sa.insert(pppoe_users).values(account_name="0949aq ", full_name="Joan", isp_id=1))
    billing.customers()
    installation("customer", "update", "id:1", "--router", "0")
    shown = installation("customer", "show", "0949AQ", "--json").document
    assert [one["full_name"] for one in (shown, *shown["twins"])] == ["Jane", "Joan"]
    table = installation("customer", "show", "0949AQ")
    assert "Joan" in table.out
    assert "2 customers have this account" in table.err
    alone = installation("customer", "show", f"id:{shown['twins'][0]['customer_id']}", "--json").document
    assert (alone["full_name"], alone["payments"], alone["line"]) == ("Joan", [], None)


def test_what_is_kept_for_a_customer_is_shown(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    assert installation("policy", "set", "--isp", "1", "part_payments=credit").code == 0
    billing.pay("QGH7SK61SU", "0949AQ", 40_000)
    shown = installation("customer", "show", "0949AQ", "--json").document
    assert shown["credit"] == "400.00"
    assert "CREDIT_KEPT" in {one["event"] for one in shown["timeline"]}
    assert "400.00" in installation("customer", "show", "0949AQ").out
    paid = installation("payment", "unassign", "QGH7SK61SU", "--reason", "x", "--yes")
    assert "left the customer's credit, which is KES 0.00 now" in paid.out
    assert "Kept for it" not in installation("customer", "show", "0949AQ").out
