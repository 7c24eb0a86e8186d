"""Packages are kept with their history, given to customers at once or at the renewal, and taken back."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from billing.accounts.errors import CannotUndo
from billing.calendar import Period, Unit
from billing.changes import service as changing
from billing.changes import undoing
from billing.changes.rules import Author, ChangeFilter, Noun
from billing.lines import service as lines
from billing.lines import sweeping
from billing.lines.service import Whom
from billing.overpayments.rules import later
from billing.packages import service
from billing.packages.errors import (
    ChangeWaits,
    InvalidPackage,
    NoChangeWaits,
    NotChangeable,
    PackageNotFound,
    PackageTaken,
)
from billing.packages.rules import Package
from billing.packages.service import Order
from billing.payees import store as payees
from billing.payees.rules import LineReason
from billing.policies import store
from billing.policies.service import Asked
from billing.policies.service import change as decide
from billing.schema import account_changes, ledger_transfers, payment_debug_log, tasks

from tests.billing.clock import moved_clock
from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.lines.conftest import sweep

ASHA = Author("Asha", "asked for it")
WEEK = Package(1, "week", 30_000, Period(1, Unit.WEEK), "5M")
DOUBLE = Package(1, "double", 200_000, profile="20M")
DATES = (
    "next_payment_date",
    "due_day",
    "amount",
    "line_paid_package",
    "line_period",
    "line_package",
    "line_package_day",
)


@pytest.fixture
def shop(desk):
    """A desk of an ISP that sells packages; the customer 0949AQ pays KES 1,000 a month and has 20 days left."""
    for package in (WEEK, DOUBLE):
        service.create(desk.engine, package, ASHA)
    desk.set_customer("0949AQ", next_payment_date=desk.today() + timedelta(days=20))
    return desk


def give(desk, name, *, at_renewal=False, account="0949AQ", validate_only=False):
    order = Order(name, at_renewal)
    return service.change(desk.engine, desk.policy, Whom(account=account), order, ASHA, validate_only=validate_only)


def cancel(desk):
    return service.cancel(desk.engine, desk.policy, Whom(account="0949AQ"), ASHA)


def of(desk, *names):
    row = desk.customer("0949AQ")
    return tuple(getattr(row, name) for name in names or DATES)


def profile(desk):
    """What the router is to have, as the next task says."""
    (limit,) = {task.limit.profile for task in desk.lease() if hasattr(task.work, "username")}
    return limit


def test_packages_are_known_by_isp_and_name_and_each_change_is_kept(shop):
    sold = service.create(shop.engine, WEEK, ASHA)  # a repeat
    assert (sold.package, sold.customers) == (WEEK, 0)
    with pytest.raises(PackageTaken):
        service.create(shop.engine, Package(1, "Week", 30_000, WEEK.period, "5M"), ASHA)
    service.create(shop.engine, Package(2, "week", 1), ASHA)
    with pytest.raises(InvalidPackage, match="price_cents"):
        service.update(shop.engine, Package(1, "week", 0), ["price_cents"], ASHA)
    with pytest.raises(PackageNotFound):
        service.update(shop.engine, Package(1, "none", 1), ["price_cents"], ASHA)
    wanted = Package(1, "week", 40_000, closed=True)
    dry = service.update(shop.engine, wanted, ["price_cents", "closed"], ASHA, validate_only=True)
    assert service.update(shop.engine, wanted, ["price_cents", "closed"], ASHA) == dry
    listed = service.list_packages(shop.engine, 1)
    assert [(one.package.name, one.package.price_cents) for one in listed] == [("double", 200_000), ("week", 40_000)]
    kept = changing.list_changes(shop.engine, ChangeFilter(Noun.ISP, 1), 0, 2)
    assert [(one.change.field, one.change.before, one.change.after) for one in kept] == [
        ("package.closed", "", "week: yes"), ("package.price", "week: 300.00", "week: 400.00")
    ]  # fmt: skip
    with pytest.raises(PackageNotFound, match="sells no package called week"):
        give(shop, "week")


def test_at_once_the_days_left_become_days_of_the_new_package_and_the_router_is_asked(shop, dispatcher):
    shop.set_customer("0949AQ", status="active", line_wanted="on", line_reason="paid", line_version=3)
    before = of(shop)
    dry, told = give(shop, "double", validate_only=True)
    assert (of(shop), shop.rows(tasks)) == (before, [])
    made, changed = give(shop, "double")
    assert (made.unused_days, made.given_days) == (dry.unused_days, dry.given_days) == (20, 10)
    assert changed == told
    due = shop.today() + timedelta(days=10)
    assert of(shop) == (due, None, 200_000, "double", None, "double", None)
    assert profile(shop) == "20M"
    assert give(shop, "double")[1] == []
    shop.make_due()
    dispatcher.run()
    assert shop.customer("0949AQ").line_reported == "on"
    undoing.undo(shop.engine, shop.policy, shop.rows(account_changes, field="package_name")[-1].id, ASHA)
    assert of(shop) == before
    assert shop.rows(ledger_transfers) == []


def test_payments_count_by_the_package_whatever_way_they_come(shop, dispatcher):
    decide(shop.engine, Asked(Noun.ISP, 1), {"overpayments": "months", "part_payments": "credit"}, (), ASHA)
    give(shop, "week")
    due = of(shop, "next_payment_date")[0]
    assert (due - shop.today()).days == 16  # 20 days of 1,000 a month are worth 667 = 15.6 days of 300 a week
    shop.pay("A1", "0949AQ", "300")
    shop.pay("A2", "0949AQ", "700")
    dispatcher.run()
    assert of(shop, "next_payment_date", "due_day") == (due + timedelta(weeks=3), None)
    assert dispatcher.facts("payment_notice")["package"] == "300.00 (PAID FOR 2 WEEKS, GOT 2, KES 100.00 KEPT)"
    assert shop.one(payment_debug_log, category="OVERPAYMENT").message.startswith("Paid for 2 weeks: 2 are given")
    shop.pay("A3", "0949AQ", "200")  # with what was kept
    assert of(shop, "next_payment_date")[0] == due + timedelta(weeks=4)
    assert dispatcher.told()[CUSTOMER_PHONE][-1] == "customer_connected"
    shop.check_books()


def test_at_the_renewal_the_next_payment_counts_by_it_and_the_line_has_it_once_the_old_time_is_over(shop, dispatcher):
    with moved_clock(shop.engine) as clock:
        give(shop, "double")
        dispatcher.run()
        due = of(shop, "next_payment_date")[0]
        give(shop, "week", at_renewal=True)
        assert of(shop, "next_payment_date", "amount", "line_package", "line_package_day") == (
            due, 30_000, "double", due + timedelta(days=1)
        )  # fmt: skip
        assert give(shop, "week", at_renewal=True)[1] == []  # a repeat
        with pytest.raises(ChangeWaits):
            give(shop, "double")
        shop.pay("A1", "0949AQ", "300")
        assert of(shop, "next_payment_date")[0] == due + timedelta(weeks=1)
        assert profile(shop) == "20M"
        shop.make_due()
        dispatcher.run()
        sweeping.sweep(shop.engine, shop.policy)
        assert shop.rows(tasks, state="open") == []
        clock.now += timedelta(days=11)
        sweeping.sweep(shop.engine, shop.policy)
        assert of(shop, "line_package", "line_package_day") == ("week", None)
        assert profile(shop) == "5M"
        sweeping.sweep(shop.engine, shop.policy)
        changes = shop.rows(account_changes, field="line_package", actor="sweep")
        assert [(one.old_value, one.new_value) for one in changes] == [("double", "week")]
        given = shop.rows(account_changes, field="package_name")[-1].id
        with pytest.raises(CannotUndo, match="is not what this change made it: sweep"):
            undoing.undo(shop.engine, shop.policy, given, ASHA)
        with pytest.raises(NoChangeWaits):
            cancel(shop)


def test_a_change_that_waits_is_cancelled(shop):
    with pytest.raises(NoChangeWaits):
        cancel(shop)
    give(shop, "double")
    before = of(shop)
    give(shop, "week", at_renewal=True)
    assert of(shop) != before
    undone = cancel(shop)
    assert undone.noun_id == shop.customer("0949AQ").id
    assert {one.field for one in undone.changes} == {"package_name", "package", "period", "package_day"}
    assert of(shop) == before


def test_who_has_paid_for_nothing_has_the_new_package_at_once_either_way(shop):
    shop.set_customer("0949AQ", next_payment_date=shop.today() - timedelta(days=1))
    give(shop, "week", at_renewal=True)
    assert of(shop, "line_package", "line_package_day") == ("week", None)
    assert shop.customer("0949AQ").next_payment_date == shop.today() - timedelta(days=1)


def test_who_is_closed_or_nobody_s_is_given_none(shop):
    shop.set_customer("0949AQ", isp_id=None)
    with pytest.raises(NotChangeable, match="has no ISP"):
        give(shop, "week")


def test_many_changes_at_once_are_one_after_the_other(shop):
    at_once([lambda: give(shop, "double"), lambda: give(shop, "week"), lambda: give(shop, "double")])
    changes = shop.rows(account_changes, field="package_name")
    assert [one.old_value for one in changes[1:]] == [one.new_value for one in changes[:-1]]
    assert of(shop, "line_paid_package", "line_package") == (changes[-1].new_value,) * 2


def test_a_package_s_profile_counts_before_the_policy_s_and_only_of_whom_has_it(shop):
    decide(shop.engine, Asked(Noun.ISP, 1), {"profile": "10M", "off": "profile:stop"}, (), ASHA)
    decide(shop.engine, Asked(Noun.CUSTOMER, account="0949AQ"), {"profile": "1M", "grace_days": "2"}, (), ASHA)
    service.create(shop.engine, Package(1, "plain", 100_000), ASHA)
    for name, expected in (("", "1M"), ("double", "20M"), ("week", "5M"), ("plain", "1M")):
        if name:
            give(shop, name)
        shop.pay(f"A{name}", "0949AQ", "9000")
        shop.pay(f"B{name}", "WAIRIMU1", "9000")
        got = {task.work.username: task.limit.profile for task in shop.lease() if hasattr(task.work, "username")}
        assert got == {"0949AQ": expected, "wairimu": "10M"}
        shop.execute(sa.delete(tasks))
    with shop.engine.connect() as connection:
        found = payees.get_customers(connection, [shop.customer("0949AQ").id]).values()
        (policy,) = store.of_customers(connection, list(found)).values()
    assert (policy.profile, policy.grace_days) == ("1M", 2)


@pytest.mark.parametrize("manages", [False, True])
def test_one_sweep_lets_all_lines_have_their_package_on_the_day(shop, manages):
    shop.policy = replace(shop.policy, manages_lines=manages)
    today, many = shop.today(), [f"M{number}" for number in range(2 * sweeping.BATCH + 1)]
    shop.insert_customers(*({"account_name": one, "next_payment_date": today} for one in many))
    for one in many:
        whom = Whom(account=one)
        service.change(shop.engine, shop.policy, whom, Order("week", at_renewal=True), ASHA)
    with moved_clock(shop.engine) as clock:
        clock.now += timedelta(days=1)
        sweep(shop)
    assert {(shop.customer(one).line_package, shop.customer(one).line_package_day) for one in many} == {("week", None)}


def test_what_is_renewed_from_credit_lasts_as_long_as_the_package(shop):
    decide(shop.engine, Asked(Noun.ISP, 1), {"overpayments": "credit"}, (), ASHA)
    shop.policy = replace(shop.policy, manages_lines=True)
    with moved_clock(shop.engine) as clock:
        give(shop, "week")
        shop.pay("A1", "0949AQ", "900")
        due = of(shop, "next_payment_date")[0]
        for week in (1, 2):
            clock.now += timedelta(days=(due - shop.today()).days + 1)
            sweeping.sweep(shop.engine, shop.policy)
            due += timedelta(weeks=1)
            assert of(shop, "next_payment_date")[0] == due, week
    shop.check_books()


def test_a_pause_keeps_its_days_and_a_payment_counts_by_the_package(shop):
    give(shop, "week")
    due = of(shop, "next_payment_date")[0]
    with moved_clock(shop.engine) as clock:
        lines.hold(shop.engine, shop.policy, Whom(account="0949AQ"), LineReason.PAUSED, ASHA)
        clock.now += timedelta(days=40)
        shop.pay("A1", "0949AQ", "300")
    assert of(shop, "next_payment_date")[0] == due + timedelta(days=47)


def test_a_month_of_before_there_were_packages_is_one_still(shop):
    assert later(date(2026, 1, 31), None, 1) == (date(2026, 2, 28), 31)
    assert shop.customer("0949AQ").line_period is None
