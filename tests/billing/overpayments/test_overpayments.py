"""What is paid above the package is the ISP's, further months, or the customer's credit, as was decided."""

from datetime import date

import orjson
import pytest
import sqlalchemy as sa
from billing.ledger import service as ledger
from billing.overpayments.rules import later
from billing.payments.rules import Outcome
from billing.payments.settlement import next_due
from billing.reversals import service as reversals
from billing.reversals import unassigning
from billing.schema import line_policies, payment_debug_log
from hypothesis import given
from hypothesis import strategies as st

from tests.billing.desk import CUSTOMER_PHONE, payment


def decide(desk, **fields):
    rows = [{"noun": "isp", "noun_id": 1, "field": name, "value": value} for name, value in fields.items()]
    if rows:
        desk.execute(sa.insert(line_policies), rows)


def credit(desk):
    name = f"credit:{desk.customer('0949AQ').id}"
    return ledger.list_accounts(desk.engine, name)[name]


def due(desk):
    return desk.customer("0949AQ").next_payment_date


def months_from_today(desk, months):
    day = None, None
    for _ in range(months):
        day = next_due(*day, desk.today())
    return day[0]


DECISIONS = {
    "wallet": ({}, 1, 0),
    "months": ({"overpayments": "months"}, 3, 0),
    "months, the rest kept": ({"overpayments": "months", "part_payments": "credit"}, 3, 40_000),
    "credit": ({"overpayments": "credit"}, 1, 240_000),
}


@pytest.mark.parametrize(("fields", "months", "kept"), DECISIONS.values(), ids=DECISIONS)
@pytest.mark.parametrize("way", ["paid", "assigned"])
def test_it_goes_where_was_decided_and_all_of_it_is_taken_back(desk, fields, months, kept, way):
    decide(desk, **fields)
    before = due(desk), desk.customer("0949AQ").due_day
    if way == "paid":
        assert desk.pay("A1", "0949AQ", "3400").outcome is Outcome.CUSTOMER_PAID
    else:
        desk.pay("A1", "NOBODY", "3400")
        assert desk.assign("A1", "0949AQ").outcome is Outcome.CUSTOMER_PAID
    assert (due(desk), desk.wallet(1), credit(desk)) == (months_from_today(desk, months), 340_000 - kept, kept)
    told = desk.one(payment_debug_log, category="OVERPAYMENT")
    assert orjson.loads(told.details) == {"months": 3, "given": months}
    desk.check_books()
    notes = unassigning.unassign(desk.engine, desk.policy, "A1", "Asha", "why").notes
    assert f"the due date is {before[0]} again" in notes
    assert ((due(desk), desk.customer("0949AQ").due_day), desk.wallet(1), credit(desk)) == (before, 0, 0)
    desk.assign("A1", "0949AQ")
    assert (due(desk), credit(desk)) == (months_from_today(desk, months), kept)
    reversals.reverse(desk.engine, desk.policy, "A1", "Asha", "why")
    assert (due(desk), set(ledger.list_accounts(desk.engine).values())) == (before[0], {0})
    desk.check_books()


def test_customer_and_staff_are_told_what_was_given(desk, dispatcher):
    decide(desk, overpayments="months", part_payments="credit")
    desk.pay("A1", "0949AQ", "12000")
    dispatcher.run()
    assert dispatcher.facts("payment_notice")["package"] == "1,000.00 (PAID FOR 12 MONTHS, GOT 12)"
    desk.pay("A2", "0949AQ", "1400")
    dispatcher.run()
    assert dispatcher.facts("payment_notice")["package"] == "1,000.00 (KES 400.00 KEPT)"
    message = desk.one(payment_debug_log, category="CREDIT_KEPT").message
    assert message == "KES 400.00 kept as the customer's credit, which is KES 400.00 now"
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected"] * 2


def test_those_of_one_batch_add_up(desk):
    decide(desk, overpayments="credit", part_payments="credit")
    desk.pay_batch(payment("A1", "0949AQ", "1700"), payment("A2", "0949AQ", "300"), payment("A3", "0949AQ", "2600"))
    # 1700: a month and 700; 300 with 700: a month; 2600: a month and 1600
    assert (due(desk), desk.wallet(1), credit(desk)) == (months_from_today(desk, 3), 300_000, 160_000)
    desk.check_books()


DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))


@given(start=DAYS, today=DAYS, months=st.integers(1, 40))
def test_several_months_at_once_are_as_many_one_after_the_other(start, today, months):
    step = first = next_due(start, None, today)
    for _ in range(months):
        step = next_due(*step, today)
    assert later(*first, months) == step


def test_the_calendar_ends(desk):
    decide(desk, overpayments="months")
    desk.pay("A1", "0949AQ", "200000000")
    assert due(desk).year == date.max.year
    desk.pay("A2", "0949AQ", "5000")
    assert due(desk).year == date.max.year
