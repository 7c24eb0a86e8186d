"""Lines follow a changed policy with the next sweep, whatever their due dates are."""

from datetime import timedelta

import pytest
from billing.changes.rules import Author
from billing.lines import service, sweeping
from billing.lines.service import Whom
from billing.payees.rules import Line, LineReason
from billing.policies.service import Asked, Noun, change
from billing.policy_changes import service as following
from billing.policy_changes.tables import unsettled_policies
from billing.schema import account_changes, tasks

from tests.billing.dispatching import lines, switched
from tests.billing.lines.conftest import sweep

JANE, LINE = Whom(account="0949AQ"), (1, "0949AQ")
ASHA = Author("Asha", "as asked")
ISP = Asked(Noun.ISP, 1)


@pytest.fixture
def unpaid(managing, dispatcher, clock):
    """0949AQ's time has been over for some days, and the line is off."""
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    days = (managing.customer("0949AQ").next_payment_date - managing.today()).days
    clock.forward(days=days + 3)
    sweep(managing)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    return managing


def set_policy(desk, asked=ISP, **fields):
    change(desk.engine, asked, fields, (), ASHA)


def asked(desk):
    """What 0949AQ's router is asked for."""
    leased = [one for one in desk.lease() if isinstance(one.work, Line)]
    desk.report(*map(switched, leased))
    return [
        (one.work.wanted, one.limit.profile, one.limit.address_list) for one in leased if one.work.username == "0949AQ"
    ]


@pytest.mark.parametrize("whose", [ISP, Asked(Noun.CUSTOMER, account="0949AQ")])
def test_a_longer_grace_brings_a_line_back_and_a_shorter_one_cuts_it(unpaid, dispatcher, clock, whose):
    set_policy(unpaid, whose, grace_days="10")
    sweep(unpaid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert service.get(unpaid.engine, JANE).customer.reason is LineReason.GRACE
    (row,) = [row for row in unpaid.rows(account_changes, field="line") if row.reason == "the policy was changed"]
    assert (row.old_value, row.new_value) == ("off (unpaid)", "on (grace)")
    set_policy(unpaid, whose, grace_days="1")
    sweep(unpaid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    assert unpaid.rows(unsettled_policies) == []


@pytest.mark.parametrize("fields", [{"days_without_cuts": "mon,tue,wed,thu,fri,sat"}, {"cut_hour": "23"}])
def test_a_later_hour_and_days_without_cuts_bring_back_who_is_not_due_any_more(managing, dispatcher, clock, fields):
    managing.pay("A1", "0949AQ")
    due = managing.customer("0949AQ").next_payment_date
    clock.forward(days=(due - managing.today()).days + 1)
    while managing.today().strftime("%a") == "Sun":  # on which days without cuts would change nothing
        managing.set_customer("0949AQ", next_payment_date=managing.today())
        clock.forward(days=1)
    sweep(managing)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    set_policy(managing, **fields)
    sweep(managing)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"


@pytest.mark.parametrize(
    ("fields", "limit"),
    [({"off": "profile:unpaid", "profile": "10M"}, ("unpaid", "")), ({"off": "address_list:unpaid"}, ("", "unpaid"))],
)
def test_who_is_off_is_asked_for_again_when_off_means_something_else(unpaid, clock, fields, limit):
    set_policy(unpaid, **fields)
    sweep(unpaid)
    assert asked(unpaid) == [("off", *limit)]
    set_policy(unpaid, off="disable")
    sweep(unpaid)
    assert asked(unpaid) == [("off", "", "")]
    set_policy(unpaid, grace_days="0", reminder_days="-1")
    sweep(unpaid)
    assert asked(unpaid) == []


def test_who_is_on_is_asked_for_again_only_when_a_paid_line_has_another_profile(unpaid, dispatcher, clock):
    unpaid.pay("A2", "0949AQ")
    dispatcher.carry_out()
    set_policy(unpaid, off="address_list:unpaid")
    sweep(unpaid)
    assert asked(unpaid) == []
    set_policy(unpaid, profile="10M")
    sweep(unpaid)
    assert asked(unpaid) == [("on", "10M", "unpaid")]


def test_who_pays_leaves_the_list_that_was_off_before_whatever_off_is_now(unpaid, dispatcher, clock):
    set_policy(unpaid, off="address_list:unpaid")
    sweep(unpaid)
    assert asked(unpaid) == [("off", "", "unpaid")]
    set_policy(unpaid, off="disable")
    sweep(unpaid)
    assert asked(unpaid) == [("off", "", "")]
    unpaid.pay("A2", "0949AQ")
    assert asked(unpaid) == [("on", "", "unpaid")]
    set_policy(unpaid, former_list="")
    unpaid.pay("A3", "0949AQ")
    assert asked(unpaid) == [("on", "", "")]


def test_who_is_paused_stays_disabled_and_is_not_asked_for(unpaid, dispatcher, clock):
    service.hold(unpaid.engine, unpaid.policy, JANE, LineReason.PAUSED, ASHA)
    dispatcher.carry_out()
    set_policy(unpaid, off="address_list:unpaid", grace_days="30")
    sweep(unpaid)
    assert asked(unpaid) == []


def test_many_customers_follow_in_batches_and_go_on_where_it_was_broken_off(managing, clock, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 3)
    yesterday = managing.today() - timedelta(days=1)
    many = [f"M{number}" for number in range(8)]
    managing.insert_customers(
        *({"account_name": one, "username": one, "router_id": 3, "next_payment_date": yesterday} for one in many)
    )
    managing.insert_customer("OTHER", username="o", router_id=3, next_payment_date=yesterday, isp_id=2)
    sweep(managing)
    set_policy(managing, grace_days="5")
    assert following.follow_next(managing.engine, managing.policy, 3)
    (row,) = managing.rows(unsettled_policies)
    assert row.after_id > 0
    sweep(managing)
    assert {managing.customer(one).line_wanted for one in many} == {"on"}
    assert managing.customer("OTHER").line_wanted == "off"
    assert len(managing.rows(tasks, kind="set_access", router_id=3, line_wanted="on")) <= len(many)


def test_where_lines_are_only_observed_nothing_follows(desk, clock):
    set_policy(desk, grace_days="5", off="address_list:unpaid")
    sweep(desk)
    assert lines(desk) == []
