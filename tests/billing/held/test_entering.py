"""Payments that M-Pesa delivered to nobody are entered by hand: like any other, dated by their own time, and marked."""

from datetime import UTC, datetime, timedelta

import pytest
from billing import calendar
from billing.payments.settlement import next_due
from billing.schema import paybill_payments, payment_debug_log, payment_deliveries, tasks
from rejesha.billing.v1 import payment_service_pb2 as pb

from tests.billing.desk import CONNECTED, UNMATCHED
from tests.billing.serving import outcome, payment, refused

PAID_AT = (datetime.now(UTC) - timedelta(days=3)).replace(microsecond=0)


def written(moment):
    return moment.astimezone(calendar.NAIROBI).strftime("%Y%m%d%H%M%S")


def enter(client, *payments, by="Asha", reason="M-Pesa's statement of Monday", **more):
    request = pb.EnterPaymentsRequest(payments=payments, entered_by=by, reason=reason, **more)
    return client.payments.EnterPayments(request, timeout=10).receipts


def missed(trans_id, *args, at=PAID_AT, **fields):
    return payment(trans_id, *args, trans_time=written(at), **fields)


def test_an_entered_payment_does_all_that_a_delivered_one_does_at_its_own_time(client, desk, dispatcher):
    (receipt,) = enter(client, missed("A1"))
    assert (outcome(receipt.outcome), receipt.repeated) == ("customer_paid", False)
    assert desk.payment("A1").received_at == PAID_AT
    assert desk.customer("0949AQ").next_payment_date == next_due(None, None, calendar.today(PAID_AT))[0]
    dispatcher.run()
    assert dispatcher.told() == CONNECTED
    assert desk.wallet(1) == 100_000
    desk.check_books()


def test_who_entered_it_and_why_stands_in_the_timeline_and_beside_it(client, desk):
    enter(client, missed("A1"))
    (entry,) = desk.rows(payment_debug_log, category="PAYMENT_RECEIVED")
    why = "entered by hand by Asha: M-Pesa's statement of Monday"
    assert entry.message == f"Received KES 1,000.00 for 0949AQ, {why}"
    assert entry.created_at == PAID_AT
    kept = desk.one(payment_deliveries)
    assert kept.source_address == "by hand"
    assert b"statement of Monday" in kept.callback_body


def test_it_counts_once_whoever_comes_first(client, desk):
    enter(client, missed("A1"))
    client.record(payment("A2"))
    assert client.outcome(payment("A1")) == ["customer_paid"]
    repeated, other = enter(client, missed("A2"), missed("A1", cents=99_900))
    assert (outcome(repeated.outcome), repeated.repeated) == ("customer_paid", True)
    assert outcome(other.outcome) == "conflict"
    assert desk.wallet(1) == 200_000
    assert len(desk.rows(paybill_payments)) == 2
    desk.check_books()


def test_what_nobody_can_be_credited_for_is_held_as_ever(client, desk, dispatcher):
    receipts = enter(client, missed("A1", "HELLO"), missed("A2", business_short_code="1"))
    assert [outcome(one.outcome) for one in receipts] == ["unmatched", "unmatched"]
    dispatcher.run()
    assert set(dispatcher.told()) == set(UNMATCHED)


def test_a_preview_stores_nothing(client, desk):
    client.record(payment("A1"))
    asked = missed("A1"), missed("A1", cents=1), missed("A2", cents=50_000), missed("A3", "HELLO")
    there, _, *fresh = enter(client, asked[0], *asked[2:], missed("A4"), validate_only=True)
    assert (outcome(there.outcome), there.repeated) == ("customer_paid", True)
    assert outcome(enter(client, asked[1], validate_only=True)[0].outcome) == "conflict"
    assert [(one.trans_id, outcome(one.outcome)) for one in fresh] == [("A3", "unmatched"), ("A4", "customer_paid")]
    assert len(desk.rows(paybill_payments)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"payments": [payment("A1")]},
        {"payments": [payment("A1", trans_time="20261301000000")]},
        {"payments": [missed("A1", at=datetime.now(UTC) + timedelta(days=2))]},
        {"payments": [missed("A1", at=datetime(2019, 12, 31, tzinfo=UTC))]},
        {"payments": [missed("A1"), missed("A-2")]},
        {"by": " "},
        {"reason": ""},
        {"reason": "x" * 256},
    ],
)
def test_what_is_entered_wrongly_is_refused_whole(client, desk, wrong):
    said = {name: value for name, value in wrong.items() if name != "payments"}
    assert refused(lambda: enter(client, *wrong.get("payments", [missed("A1")]), **said)) == (
        "INVALID_ARGUMENT",
        "INVALID_PAYMENT",
    )
    assert desk.rows(paybill_payments) == desk.rows(tasks) == []
