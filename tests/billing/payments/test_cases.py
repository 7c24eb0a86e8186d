"""The table of cases: what a payment does to money, dates, tasks and messages. On SQLite and on MySQL."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from billing.payments.rules import Outcome, UnmatchedReason
from billing.payments.settlement import next_due
from billing.schema import (
    isps,
    tasks,
)
from dateutil.relativedelta import relativedelta

from tests.billing.desk import (
    CONNECTED,
    CREDITS,
    CUSTOMER_PHONE,
    ISP_1,
    PARTIAL,
    SERVICE,
    UNMATCHED,
    payment,
)


@dataclass(frozen=True)
class Case:
    """`wallet` and `credits` (SMS, WhatsApp) are ISP 1's afterwards."""

    name: str
    reference: str
    amount: str
    outcome: Outcome
    told: dict[str, list[str]]
    wallet: int = 0
    credits: tuple[int, int] = (0, 0)
    reason: UnmatchedReason | None = None
    fields: dict[str, str] = field(default_factory=dict)


def paid(name: str, reference: str, **kwargs) -> Case:
    defaults = {"amount": "1000", "outcome": Outcome.CUSTOMER_PAID, "told": CONNECTED, "wallet": 100_000}
    return Case(name, reference, **(defaults | kwargs))


def sms(name: str, reference: str, amount: str, *, bought: int, remainder: int = 0) -> Case:
    return Case(name, reference, amount, Outcome.SMS_CREDITS, CREDITS, remainder, (bought, 0))


def whatsapp(name: str, reference: str, amount: str, *, bought: int, remainder: int = 0) -> Case:
    return Case(name, reference, amount, Outcome.WHATSAPP_CREDITS, CREDITS, remainder, (0, bought))


def service(name: str, reference: str, amount: str = "1000") -> Case:
    return Case(name, reference, amount, Outcome.SERVICE_PAYMENT, SERVICE, round(float(amount) * 100))


def held(name: str, reference: str, reason: str, **fields) -> Case:
    return Case(name, reference, "1000", Outcome.UNMATCHED, UNMATCHED, reason=UnmatchedReason(reason), fields=fields)


CASES = [
    paid("a customer", "0949AQ"),
    paid("a customer in lower case", "0949aq"),
    paid("a customer with spaces around and inside", "  09 49 aq "),
    paid("a customer with tabs and a line end", "\t0949\tAq\r\n"),
    paid("a customer with a no-break space", "0949\u00a0AQ"),
    paid("a customer who pays more", "0949AQ", amount="2500.50", wallet=250_050),
    Case("a customer who pays less", "0949AQ", "999.99", Outcome.CUSTOMER_PARTIAL, PARTIAL, 99_999),
    Case("a customer who pays a cent", "0949AQ", "0.01", Outcome.CUSTOMER_PARTIAL, PARTIAL, 1),
    paid("a customer whose name starts like an ISP's account", "wairimu1",
         told=CONNECTED | {"0712000003": ["customer_connected"]} | {CUSTOMER_PHONE: []}),
    paid("a customer without router", "12BC", amount="1500.50", wallet=150_050,
         told=CONNECTED | {"0712000002": ["customer_unassigned_line"], CUSTOMER_PHONE: []}),
    sms("SMS credits", "SMS001", "100", bought=200),
    sms("SMS credits in lower case with spaces", " sms 001 ", "100", bought=200),
    sms("SMS credits with tabs", "\tsMs\t001", "0.50", bought=1),
    sms("SMS credits with a remainder", "SMS001", "0.70", bought=1, remainder=20),
    sms("SMS credits for less than one costs", "SMS001", "0.49", bought=0, remainder=49),
    sms("SMS credits for the largest amount", "SMS001", "9999999999.99", bought=19_999_999_999, remainder=49),
    whatsapp("WhatsApp credits", "WA001", "100", bought=500),
    whatsapp("WhatsApp credits in mixed case", "Wa001", "100", bought=500),
    whatsapp("WhatsApp credits with inner spaces", "w a 0 0 1", "0.20", bought=1),
    whatsapp("WhatsApp credits with a remainder", "WA001", "0.70", bought=3, remainder=10),
    service("a service payment", "ACC001"),
    service("a service payment in odd case with spaces", " aCc 001\n", "0.01"),
    service("a service payment of the largest amount", "ACC001", "9999999999.99"),
    held("a prefix without ISP", "SMS999", "isp_not_found"),
    held("a WhatsApp prefix without ISP", "wa9", "isp_not_found"),
    held("a service prefix without ISP", "ACC", "isp_not_found"),
    held("a word that starts like an ISP's account", "WATER", "isp_not_found"),
    held("the shape of a customer", "0001ZZ", "user_not_found"),
    held("the shape of a customer, with more behind", "0949AQX", "user_not_found"),
    held("no shape", "HELLO", "unknown_reference"),
    held("no reference", "", "unknown_reference"),
    held("a reference of spaces", " \t ", "unknown_reference"),
    held("a reference that is SQL", "' OR 1=1; DROP TABLE isps; --", "unknown_reference"),
    held("a reference in another alphabet", "Ωμέγα 😀", "unknown_reference"),
    held("a customer, but another's shortcode", "0949AQ", "unknown_shortcode", business_short_code="999999"),
    held("a till's payment, which has no reference", "", "unknown_reference",
         transaction_type="Customer Merchant Payment"),
    held("a reversal that names a customer", "0949AQ", "reversal", transaction_type="Pay Bill Reversal"),
    held("a reversal in capitals that names an ISP", "SMS001", "reversal", transaction_type="REVERSED"),
    held("an ISP, but no shortcode", "SMS001", "unknown_shortcode", business_short_code=""),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_payment_does_exactly_what_the_table_says(desk, dispatcher, case):
    receipt = desk.pay("TKE34A5QM8", case.reference, case.amount, **case.fields)

    assert (receipt.outcome, receipt.reason, receipt.repeated) == (case.outcome, case.reason, False)
    assert (desk.wallet(1), desk.wallet(2), desk.credits(1), desk.credits(2)) == (case.wallet, 0, case.credits, (0, 0))
    stored = desk.payment("TKE34A5QM8")
    assert (stored.outcome, stored.unmatched_reason) == (case.outcome, case.reason)
    assert stored.BillRefNumber == case.reference
    dispatcher.run()
    assert dispatcher.told() == {phone: templates for phone, templates in case.told.items() if templates}
    assert {task.state for task in desk.rows(tasks)} == {"done"}
    desk.check_books()


@pytest.mark.parametrize(
    ("days", "starts_from"),
    [(None, "today"), (-400, "today"), (-1, "today"), (0, "today"), (1, "due date"), (20, "due date")],
)
def test_a_paid_month_starts_on_the_due_date_or_today_whichever_is_later(desk, days, starts_from):
    due_date = desk.today() + timedelta(days=days) if days is not None else None
    desk.set_customer("0949AQ", next_payment_date=due_date)
    desk.pay("A1", "0949AQ")
    expected, _ = next_due(due_date if starts_from == "due date" else None, None, desk.today())
    assert desk.customer("0949AQ").next_payment_date == expected > desk.today() + timedelta(days=27)
    desk.check_books()


def test_a_partial_payment_moves_no_date_and_asks_no_router(desk, dispatcher):
    before = desk.customer("0949AQ")
    desk.pay("A1", "0949AQ", "999.99")
    dispatcher.run()
    assert desk.customer("0949AQ") == before
    assert dispatcher.switched == []
    assert dispatcher.facts("customer_partial")["missing"] == "0.01"
    assert "INSUFFICIENT_PAYMENT" in desk.timeline("A1")


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_two_full_payments_are_two_months(desk, dispatcher, together):
    due_date = desk.today() + timedelta(days=3)
    desk.set_customer("0949AQ", next_payment_date=due_date)
    batch = [payment("A1", "0949AQ"), payment("A2", "0949aq", "10"), payment("A3", "0949AQ")]
    for part in [batch] if together else [[one] for one in batch]:
        desk.pay_batch(*part)
    once = next_due(due_date, None, desk.today())
    assert desk.customer("0949AQ").next_payment_date == next_due(*once, desk.today())[0]
    dispatcher.run()
    assert desk.wallet(1) == 201_000
    assert sorted(message.facts["wallet"] for message in dispatcher.inbox.values() if message.phone == ISP_1) == [
        "1,000.00",
        "1,010.00",
        "2,010.00",
    ]
    desk.check_books()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"isp_id": None}, "isp_not_found"),
        ({"isp_id": 77}, "isp_not_found"),
        ({"amount": None}, "package_not_set"),
        ({"amount": 0}, "package_not_set"),
        ({"amount": -100}, "package_not_set"),
    ],
)
def test_a_customer_who_cannot_be_settled_is_held(desk, dispatcher, values, reason):
    desk.insert_customer("5555ZZ", **values)
    receipt = desk.pay("A1", "5555zz")
    assert (receipt.outcome, receipt.reason) == (Outcome.UNMATCHED, reason)
    dispatcher.run()
    assert dispatcher.told() == UNMATCHED
    desk.check_books()


@pytest.mark.parametrize("second", ["0949AQ", "0949 aq"])
def test_an_account_of_two_customers_is_held(desk, second):
    desk.insert_customer(second, isp_id=2)
    assert desk.pay("A1", "0949AQ").reason is UnmatchedReason.AMBIGUOUS_REFERENCE
    desk.check_books()


def test_an_account_of_two_isps_is_held(desk):
    desk.execute(sa.update(isps).where(isps.c.id == 2).values(smsaccount="sms 001"))
    assert desk.pay("A1", "SMS001").reason is UnmatchedReason.AMBIGUOUS_REFERENCE
    desk.check_books()


@pytest.mark.parametrize("stored", ["31 ab", " 31AB", "31ab\r\n", "\t31AB", "3 1 a b", "31ab\u00a0"])
def test_an_account_is_found_however_it_is_stored(desk, stored):
    desk.insert_customer(stored)
    assert desk.pay("A1", "31AB").outcome is Outcome.CUSTOMER_PAID


def test_one_number_that_is_staff_twice_gets_one_message(desk, dispatcher):
    desk.execute(sa.update(isps).where(isps.c.id == 1).values(contact_phone="0700000001"))
    desk.pay("A1", "ACC001")
    dispatcher.run()
    assert sorted(message.phone[-9:] for message in dispatcher.inbox.values()) == ["700000001", "700000002"]


def next_month_ends(today):
    """A 31st that is to come and has a month with fewer days behind it, and what the two months after it make of it."""
    years = (today.year, today.year + 1)
    ends = [date(year, month, 31) for year in years for month in (1, 3, 5, 8, 10) if date(year, month, 31) >= today]
    first = ends[0]
    return first, first + relativedelta(months=1), first + relativedelta(months=2)


def test_a_due_date_on_the_31st_gets_its_day_back_after_a_shorter_month(desk):
    last, shorter, longer = next_month_ends(desk.today())
    desk.set_customer("0949AQ", next_payment_date=last)
    for trans_id, due_date, due_day in (("A1", shorter, 31), ("A2", longer, None)):
        desk.pay(trans_id, "0949AQ")
        row = desk.customer("0949AQ")
        assert (row.next_payment_date, row.due_day) == (due_date, due_day)
    desk.set_customer("77XY", next_payment_date=last)
    desk.pay_batch(payment("A3", "77XY"), payment("A4", "77XY"))
    assert desk.customer("77XY").next_payment_date == longer
    desk.check_books()


@pytest.mark.parametrize(("amount", "months"), [("1000", 1), ("1999.99", 1), ("2000", 2), ("12000", 12)])
def test_who_pays_many_months_at_once_gets_one_and_staff_is_told(desk, dispatcher, amount, months):
    desk.pay("A1", "0949AQ", amount)
    assert desk.customer("0949AQ").next_payment_date == next_due(None, None, desk.today())[0]
    dispatcher.run()
    assert dispatcher.told() == CONNECTED
    said = dispatcher.facts("payment_notice")["package"]
    assert said == ("1,000.00" if months == 1 else f"1,000.00 (PAID FOR {months} MONTHS, GOT 1)")
    assert desk.timeline("A1").count("OVERPAYMENT") == (months > 1)
    desk.check_books()
