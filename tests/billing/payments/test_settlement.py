"""The rules of months, days and credits, without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing.calendar import end_of, today
from billing.payees.rules import Customer, Isp, IspAccount, Payees
from billing.payments.rules import normalise
from billing.payments.settlement import next_due, settle
from hypothesis import given
from hypothesis import strategies as st
from servicekit.money import grouped

from tests.billing.desk import payment


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("due", "paid_on", "expected"),
    [
        (None, "2026-03-10", "2026-04-10"),
        ("2026-03-20", "2026-03-10", "2026-04-20"),  # early: from the due date
        ("2026-03-10", "2026-03-10", "2026-04-10"),  # on the day
        ("2026-03-01", "2026-03-10", "2026-04-10"),  # late: from today
        ("2019-01-01", "2026-03-10", "2026-04-10"),
        ("2026-01-31", "2026-01-15", "2026-02-28"),  # the end of a month clamps
        ("2028-01-31", "2028-01-15", "2028-02-29"),
        ("2026-02-28", "2026-02-28", "2026-03-28"),  # and a day that was never clamped stays
        (None, "2026-01-29", "2026-02-28"),
        (None, "2026-03-31", "2026-04-30"),
        ("2026-12-31", "2026-12-01", "2027-01-31"),
        ("9999-12-31", "2026-12-01", "9999-12-31"),
        ("9999-01-01", "2026-12-01", "9999-01-01"),
        ("9998-12-31", "2026-12-01", "9999-01-31"),
    ],
)
def test_a_month_is_added_to_the_due_date_or_to_today(due, paid_on, expected):
    assert next_due(day(due) if due else None, None, day(paid_on))[0] == day(expected)


@pytest.mark.parametrize(
    ("due", "paid_on", "expected"),
    [
        # paid in time, month after month: the day comes back when the month has it
        ("2026-01-31", ["2026-01-30"] * 5, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
        ("2027-12-30", ["2027-12-01"] * 3, ["2028-01-30", "2028-02-29", "2028-03-30"]),
        (None, ["2026-01-29"] * 3, ["2026-02-28", "2026-03-29", "2026-04-29"]),
        # paid late: the month begins on that day, and so its day counts from then on
        ("2026-01-31", ["2026-01-31", "2026-03-05", "2026-03-05"], ["2026-02-28", "2026-04-05", "2026-05-05"]),
        ("2026-01-31", ["2026-01-31", "2026-02-28"], ["2026-02-28", "2026-03-31"]),  # on the last day is in time
        ("9998-12-31", ["2026-01-31"] * 2, ["9999-01-31", "9999-01-31"]),
    ],
)
def test_a_month_that_is_too_short_for_the_day_does_not_shorten_those_after_it(due, paid_on, expected):
    date_, day_ = day(due) if due else None, None
    found = []
    for paid in paid_on:
        date_, day_ = next_due(date_, day_, day(paid))
        found.append(date_)
    assert found == [day(one) for one in expected]


@pytest.mark.parametrize(("moved_to", "expected"), [("2026-02-27", "2026-03-27"), ("2026-03-15", "2026-04-15")])
def test_a_due_date_that_was_moved_since_forgets_the_day(moved_to, expected):
    assert next_due(day(moved_to), 31, day("2026-02-01")) == (day(expected), None)


@pytest.mark.mysql
def test_a_month_is_what_mysql_takes_for_a_month(mysql_server):
    days = [date(2023, 1, 1) + timedelta(days=n) for n in range(6 * 365 + 2)]
    query = " UNION ALL ".join(f"SELECT DATE '{one}' + INTERVAL 1 MONTH" for one in days)
    engine = sa.create_engine(mysql_server)
    with engine.connect() as connection:
        assert [next_due(None, None, one)[0] for one in days] == list(connection.exec_driver_sql(query).scalars())
    engine.dispose()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-31T20:59:59", "2026-01-31"),
        ("2026-01-31T21:00:00", "2026-02-01"),
        ("2026-01-31T00:00:00", "2026-01-31"),
    ],
)
def test_today_is_the_day_in_nairobi(moment, expected):
    assert today(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == day(expected)


def test_paid_time_ends_at_midnight_in_nairobi_after_the_due_date():
    assert end_of(day("2026-02-28")) == datetime(2026, 2, 28, 21, tzinfo=UTC)
    assert end_of(day("9999-12-31")).year == 9999


ISP = Isp(isp_id=1, name="Demo", contact_phone="", sms_account="SMS1", wa_account="WA1", pay_account_number="ACC1")
amounts = st.integers(1, 999_999_999_999)


@given(amounts, st.sampled_from(list(IspAccount)))
def test_credits_are_whole_and_what_remains_goes_to_the_wallet(cents, account):
    paid = payment("A1", f"{account}1", f"{cents // 100}.{cents % 100:02d}")
    done = settle(paid, paid.bill_ref_number, Payees([ISP], []), date(2026, 1, 1))
    worth = done.credits.count * done.credits.unit_cents if done.credits else 0
    assert worth + done.wallet_cents == cents
    if done.credits:
        assert 0 <= done.wallet_cents < done.credits.unit_cents
        assert done.credits.unit_cents == {"sms": 50, "whatsapp": 20}[done.credits.credit_type]


@given(
    amounts, amounts, st.none() | st.dates(date(2000, 1, 1), date(9999, 12, 31)), st.dates(max_value=date(9000, 1, 1))
)
def test_a_customer_s_money_is_the_isp_s_and_only_a_whole_package_moves_the_date(cents, package, due_date, paid_on):
    who = Customer(
        customer_id=1, account_name="1AB", full_name="", username="u", phone="", package_cents=package, router_id=1,
        isp_id=1, next_payment_date=due_date,
    )  # fmt: skip
    paid = payment("A1", "1AB", f"{cents // 100}.{cents % 100:02d}")
    done = settle(paid, paid.bill_ref_number, Payees([ISP], [who]), paid_on)
    assert done.wallet_cents == cents
    assert (done.line is not None) == (cents >= package)
    if cents < package:
        assert done.due_date == due_date
    else:
        assert done.due_date == next_due(due_date, None, paid_on)[0] >= max(due_date or paid_on, paid_on)


@given(st.integers(-(10**15), 10**15))
def test_money_reads_back_as_the_same_cents(cents):
    text = grouped(cents)
    assert int(text.replace(",", "").replace(".", "")) == cents
    assert text[-3] == "."


@given(st.text())
def test_a_normalised_reference_has_no_space_and_stays_as_it_is(text):
    once = normalise(text)
    assert normalise(once) == once
    assert not any(letter.isspace() for letter in once)
    assert normalise(f" {text}\n") == normalise(text.upper()) == once
