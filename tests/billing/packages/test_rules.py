"""What packages last, and what days are worth of one who changes to another."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from billing.calendar import MONTH, Period, Unit
from billing.overpayments.rules import later
from billing.packages import rules
from billing.packages.rules import Package, read_period
from billing.payees.rules import Customer, LineReason
from billing.payments.settlement import next_due
from hypothesis import given
from hypothesis import strategies as st

PERIODS = st.builds(Period, st.integers(1, 999), st.sampled_from(Unit))
DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))
PRICES = st.integers(1, 10_000_000)
PACKAGES = st.builds(Package, st.just(1), st.just("new"), PRICES, PERIODS)


def customer(**fields):
    known = {"customer_id": 1, "account_name": "A", "full_name": "", "username": "a", "phone": "", "router_id": 1}
    return Customer(**{**known, "isp_id": 1, "package_cents": None, "next_payment_date": None, **fields})


CUSTOMERS = st.builds(
    lambda due, price, period: customer(next_payment_date=due, package_cents=price, period=period, line_package="old"),
    DAYS,
    PRICES,
    PERIODS,
)


@given(PERIODS)
def test_a_period_is_read_as_it_was_written(period):
    assert read_period(str(period)) == period


@pytest.mark.parametrize("text", ["", "0 days", "1000 days", "30", "days", "1 year", "-1 days", "1.5 months"])
def test_what_is_no_period_is_refused(text):
    with pytest.raises(ValueError, match="is no period"):
        read_period(text)


@given(start=DAYS, today=DAYS, many=st.integers(1, 20), period=PERIODS)
def test_several_packages_at_once_are_as_many_one_after_the_other(start, today, many, period):
    step = first = next_due(start, None, today, period)
    for _ in range(many):
        step = next_due(*step, today, period)
    assert later(*first, many, period) == step


@given(start=DAYS, today=DAYS, count=st.integers(1, 900))
def test_weeks_and_days_count_days_from_the_due_date_or_today(start, today, count):
    base = max(start, today)
    assert next_due(start, None, today, Period(count, Unit.DAY)) == (base + timedelta(days=count), None)
    assert next_due(start, 31, today, Period(count, Unit.WEEK)) == (base + timedelta(weeks=count), None)


@given(PERIODS, st.integers(1, 10**9))
def test_the_calendar_ends(period, many):
    for start in (date.max, date(9999, 1, 31), date(9998, 12, 31)):
        assert start <= later(start, None, many, period)[0] <= date.max


@given(CUSTOMERS, PACKAGES, DAYS)
def test_nobody_loses_a_day_s_worth_nor_gains_more_than_one(old, package, today):
    made = rules.at_once(old, package, today)
    unused = max((old.next_payment_date - today).days, 0)
    was_worth = Fraction(old.package_cents * unused, rules.days_of(old.period))
    a_day = Fraction(package.price_cents, rules.days_of(package.period))
    assert made.unused_days == unused
    due_date = made.customer.next_payment_date
    assert 0 <= made.given_days * a_day - was_worth < a_day or due_date == date.max
    assert due_date == (today + timedelta(days=made.given_days) if unused else old.next_payment_date)


@given(CUSTOMERS, DAYS)
def test_who_changes_to_what_costs_the_same_keeps_the_date(old, today):
    made = rules.at_once(old, Package(1, "new", old.package_cents, old.period), today)
    assert made.customer.next_payment_date == old.next_payment_date


@pytest.mark.parametrize("fields", [{"package_cents": None}, {"package_cents": 0}, {"next_payment_date": None}])
def test_where_nobody_says_what_a_day_costs_or_until_when_the_date_stays(fields):
    old = customer(**{"next_payment_date": date(2026, 3, 31), "due_day": 31, **fields})
    new = rules.at_once(old, Package(1, "new", 50_000), date(2026, 3, 1)).customer
    assert (new.next_payment_date, new.due_day) == (old.next_payment_date, old.due_day)
    assert (new.package_cents, new.line_package) == (50_000, "new")


def test_who_is_paused_has_the_days_left_of_when_the_pause_began():
    old = customer(
        package_cents=100_000, next_payment_date=date(2026, 3, 20), hold=LineReason.PAUSED, hold_since=date(2026, 3, 10)
    )
    made = rules.at_once(old, Package(1, "double", 200_000), date(2026, 5, 1))
    assert (made.unused_days, made.given_days, made.customer.next_payment_date) == (10, 5, date(2026, 3, 15))


@given(CUSTOMERS, PACKAGES, DAYS)
def test_at_the_renewal_what_is_paid_for_stays_and_the_line_keeps_its_package_as_long(old, package, today):
    made = rules.at_renewal(old, package, today)
    new = made.customer
    assert (new.next_payment_date, new.package_cents, new.period) == (
        old.next_payment_date, package.price_cents, package.period
    )  # fmt: skip
    if old.next_payment_date < today:
        assert (new.line_package, new.package_day) == ("new", None)
    else:
        assert (new.line_package, new.package_day) == ("old", old.next_payment_date + timedelta(days=1))
        assert (rules.arrived(new).line_package, rules.arrived(new).package_day) == ("new", None)


@pytest.mark.parametrize("name", ["", " a", "a ", "ä", "-a", "a" * 31, "a\nb", "a,b", "a;b", "="])
def test_names_that_something_would_misread_are_refused(name):
    assert [fault.partition(":")[0] for fault in rules.faults(Package(1, name, 100))] == ["name"]


@pytest.mark.parametrize("name", ["a", "Home 10M", "5.5+", "a" * 30])
def test_names_that_people_give_are_taken(name):
    assert list(rules.faults(Package(1, name, 100, MONTH, "10M"))) == []
