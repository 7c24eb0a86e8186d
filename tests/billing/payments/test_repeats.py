"""The same payment more than once, and many payments at once."""

from datetime import timedelta

import pytest
from billing.payments.rules import Outcome
from billing.schema import (
    ledger_transfers,
    paybill_payments,
    payment_debug_log,
    payment_deliveries,
    tasks,
)
from dateutil.relativedelta import relativedelta

from tests.billing.concurrency import at_once
from tests.billing.desk import CONNECTED, payment


def test_a_payment_delivered_again_gets_its_first_answer_and_does_nothing(desk, dispatcher):
    first = desk.pay("A1", "0949AQ")
    dispatcher.run()
    before = [desk.rows(table) for table in (paybill_payments, ledger_transfers, tasks, payment_debug_log)]
    again = desk.pay("A1", " 0949 aq", first_name="JANE", org_account_balance_cents=5, msisdn="2547***1")
    assert again.repeated
    assert (again.outcome, again.isp_id, again.customer_id) == (first.outcome, first.isp_id, first.customer_id)
    assert [desk.rows(table) for table in (paybill_payments, ledger_transfers, tasks, payment_debug_log)] == before


def test_one_payment_50_times_at_once_is_applied_once(desk, dispatcher):
    receipts = at_once([lambda: desk.pay("A1", "0949AQ")] * 50)
    assert {receipt.outcome for receipt in receipts} == {Outcome.CUSTOMER_PAID}
    assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 49
    assert desk.wallet(1) == 100_000
    dispatcher.run()
    assert dispatcher.told() == CONNECTED
    desk.check_books()


def test_one_payment_twice_in_a_batch_is_applied_once(desk):
    one = payment("A1", "0949AQ")
    receipts = desk.pay_batch(one, payment("A2", "77XY", "500"), one, payment("A1", "0949aq "))
    assert [receipt.repeated for receipt in receipts] == [False, False, True, True]
    assert (desk.wallet(1), desk.wallet(2)) == (100_000, 50_000)
    desk.check_books()


@pytest.mark.parametrize(
    "other",
    [{"amount": "1"}, {"reference": "77XY"}, {"business_short_code": "600999"}],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_a_delivery_with_other_content_is_kept_told_once_and_not_applied(desk, dispatcher, other, together):
    first = payment("A1", "0949AQ", callback_body=b"first")
    second = payment("A1", **({"reference": "0949AQ", "callback_body": b"second"} | other))
    batch = [first, second, second, first]
    receipts = desk.pay_batch(*batch) if together else [desk.pay_batch(one)[0] for one in batch]
    paid, conflict = Outcome.CUSTOMER_PAID, Outcome.CONFLICT
    assert [receipt.outcome for receipt in receipts] == [paid, conflict, conflict, paid]
    assert (desk.wallet(1), desk.wallet(2)) == (100_000, 0)
    deliveries = desk.rows(payment_deliveries)
    assert [(one.conflicting, one.callback_body) for one in deliveries] == [(False, b"first"), (True, b"second")]
    dispatcher.run()
    assert dispatcher.told() == CONNECTED | {"admins": ["conflicting_payment", "payment_notice"]}
    assert desk.timeline("A1").count("PROCESSING_ERROR") == 1
    desk.check_books()


def test_each_different_conflict_is_told_once_even_when_all_come_at_once(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    calls = [lambda amount=amount: desk.pay("A1", "0949AQ", str(amount)) for amount in [1, 2, 3] * 8]
    assert {receipt.outcome for receipt in at_once(calls)} == {Outcome.CONFLICT}
    dispatcher.run()
    told = [m.facts["second"] for m in dispatcher.inbox.values() if m.template == "conflicting_payment"]
    assert sorted(told) == sorted(f"KES {amount}.00 to 600100 for 0949AQ" for amount in [1, 2, 3] * 2)  # two admins
    desk.check_books()


def test_of_a_payment_s_contradictions_ten_are_kept_and_each_is_answered_as_one(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    for amounts in (range(1, 9), range(1, 25)):  # some of them again
        receipts = desk.pay_batch(*(payment("A1", "0949AQ", str(amount)) for amount in amounts))
        assert {receipt.outcome for receipt in receipts} == {Outcome.CONFLICT}
    assert desk.pay("A2", "0949AQ", "1").outcome is Outcome.CONFLICT  # another one's do not count
    kept = [row.content for row in desk.rows(payment_deliveries, trans_id="A1", conflicting=True)]
    assert kept == [f"KES {amount}.00 to 600100 for 0949AQ" for amount in range(1, 11)]
    dispatcher.run()
    assert dispatcher.told()["admins"].count("conflicting_payment") == 11
    desk.check_books()


def test_a_payment_with_other_content_conflicts_with_a_held_one_too(desk):
    desk.pay("A1", "HELLO")
    assert desk.pay("A1", "0949AQ").outcome is Outcome.CONFLICT
    assert desk.wallet(1) == 0
    desk.check_books()


def test_the_wallet_of_one_isp_survives_32_payers_at_once(desk):
    references = ["0949AQ", "12BC", "WAIRIMU1", "ACC001", "SMS001", "WA001", "77XY", "NOBODY"]
    batches = [[payment(f"T{n}X{i}", references[(n + i) % 8], "1700.35") for i in range(8)] for n in range(32)]
    answers = at_once([lambda batch=batch: desk.pay_batch(*batch) for batch in batches])
    assert all(isinstance(answer, list) for answer in answers), answers
    # Each of the 32 pays each reference once: three customers and ACC001 in whole, the remainders of SMS001 and WA001.
    assert desk.wallet(1) == 32 * (4 * 170_035 + 35 + 15)
    assert desk.wallet(2) == 32 * 170_035
    assert desk.credits(1) == (32 * 3400, 32 * 8501)
    desk.check_books()
    months = [desk.customer(account).next_payment_date for account in ("0949AQ", "12BC", "WAIRIMU1", "77XY")]
    assert all(month >= desk.today() + relativedelta(months=32) - timedelta(days=3) for month in months)
