"""A line is on exactly as long as it is paid for: cut, in grace, paused, given days; and what is wanted last wins."""

from datetime import date, timedelta

import pytest
from billing.changes.rules import Author
from billing.lines import service, sweeping
from billing.lines.errors import LineClosed, NothingToExtend
from billing.lines.service import Whom
from billing.payees.rules import LineReason, LineState
from billing.policies.service import Asked, Noun, change
from billing.schema import account_changes, tasks
from billing.tasks.rules import AccessOutcome

from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.dispatching import lines, switched
from tests.billing.lines.conftest import sweep

JANE, LINE = Whom(account="0949AQ"), (1, "0949AQ")
ASHA = Author("Asha", "as asked")
DOWN = [AccessOutcome.UNREACHABLE]


def get(desk):
    return service.get(desk.engine, JANE)


def hold(desk, why=LineReason.PAUSED):
    return service.hold(desk.engine, desk.policy, JANE, why, ASHA)


def release(desk):
    return service.release(desk.engine, desk.policy, JANE, ASHA)


def extend(desk, days):
    return service.extend(desk.engine, desk.policy, JANE, days, ASHA)


def due(desk) -> date:
    return desk.customer("0949AQ").next_payment_date


def set_policy(desk, **fields):
    change(desk.engine, Asked(Noun.ISP, 1), fields, (), ASHA)


def test_a_line_is_cut_when_its_paid_time_is_over_and_not_before(paid, dispatcher, clock):
    last_hour = timedelta(days=(due(paid) - paid.today()).days, hours=11, minutes=59)
    clock.now += last_hour
    sweep(paid)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    clock.forward(minutes=1)
    assert sum(one.cut for one in sweep(paid)) >= 1
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    report = get(paid)
    assert (report.customer.wanted, report.customer.reason) == (LineState.OFF, LineReason.UNPAID)
    assert (report.reported.state, report.reported.version) == (LineState.OFF, report.customer.version)
    assert paid.customer("0949AQ").status == "inactive"
    assert "customer_switched_off" not in dispatcher.told()[CUSTOMER_PHONE]  # it is midnight
    clock.forward(hours=7)
    dispatcher.carry_out()
    assert dispatcher.facts("customer_switched_off")["paybill"] == "600100"
    (told,) = [
        row
        for row in paid.rows(account_changes, field="line", noun_id=paid.customer("0949AQ").id)
        if row.new_value == "off (unpaid)"
    ]
    assert (told.old_value, told.actor) == ("on (paid)", "sweep")
    before = len(dispatcher.inbox)
    sweep(paid)
    dispatcher.run()
    assert len(dispatcher.inbox) == before  # it is told once


def test_who_is_cut_is_told_once_though_the_first_report_on_it_was_lost(paid, dispatcher, clock):
    """Whoever asked the router died before the report: the next one finds the line off already."""
    clock.forward(days=(due(paid) - paid.today()).days + 1)
    sweep(paid)
    assert [task.work.wanted for task in lines(paid)] == ["off"]
    for _ in range(2):
        clock.forward(seconds=31)
        dispatcher.script[1] = [AccessOutcome.ALREADY_SO]
        dispatcher.carry_out()
        service.fix(paid.engine, JANE)  # it is off: nobody is told of that again
    clock.forward(hours=12)
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE].count("customer_switched_off") == 1


def test_a_payment_switches_a_cut_line_on_again(paid, dispatcher, clock):
    clock.forward(days=40)
    sweep(paid)
    dispatcher.carry_out()
    paid.pay("A2", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    report = get(paid)
    assert (report.customer.wanted, report.customer.reason) == (LineState.ON, LineReason.PAID)
    assert report.reported.version == report.customer.version == 3


def test_nobody_is_cut_where_somebody_else_is_in_charge(desk, dispatcher, clock):
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    clock.forward(days=60)
    sweep(desk)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    planned, _ = sweeping.plan(desk.engine, 0, 100)
    assert ("0949AQ", "off (unpaid)") in {(one.customer.account_name, str(one.after)) for one in planned}


def test_grace_goes_before_the_cut_and_a_longer_one_brings_the_line_back(paid, dispatcher, clock):
    set_policy(paid, grace_days="3")
    clock.forward(days=(due(paid) - paid.today()).days + 3)
    sweep(paid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert get(paid).customer.reason is LineReason.GRACE
    clock.forward(days=1)
    sweep(paid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    set_policy(paid, grace_days="10")
    extend(paid, 1)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"


def test_a_payment_that_comes_while_the_line_is_being_cut_wins(paid, dispatcher, clock):
    clock.forward(days=40)
    sweep(paid)
    (cutting,) = [task for task in lines(paid) if task.work.username == "0949AQ"]
    paid.pay("A2", "0949AQ")
    assert paid.report(switched(cutting)) == []  # the router answers late: it is off
    assert get(paid).reported.version < get(paid).customer.version
    paid.make_due()
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert paid.customer("0949AQ").status == "active"
    assert paid.rows(tasks, kind="set_access", state="open") == []
    assert "customer_switched_off" not in dispatcher.told().get("254712345678", [])


def test_a_pause_during_a_reconnection_wins_and_its_days_are_kept(paid, dispatcher, clock):
    clock.forward(days=10)
    left = due(paid) - paid.today()
    service.fix(paid.engine, JANE)
    (reconnecting,) = lines(paid)
    hold(paid)
    assert paid.report(switched(reconnecting)) == []
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    clock.forward(days=100)
    sweep(paid)
    dispatcher.carry_out()
    assert get(paid).customer.reason is LineReason.PAUSED
    release(paid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert due(paid) - paid.today() == left


def test_a_payment_ends_a_pause_and_counts_from_the_days_that_were_kept(paid, dispatcher, clock):
    clock.forward(days=10)
    left = due(paid) - paid.today()
    hold(paid)
    clock.forward(days=50)
    paid.pay("A2", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert due(paid) - paid.today() >= left + timedelta(days=28)
    assert get(paid).customer.hold is None


def test_what_staff_cut_stays_off_though_it_is_paid_for(paid, dispatcher, clock):
    hold(paid, LineReason.BY_STAFF)
    dispatcher.carry_out()
    paid.pay("A2", "0949AQ")
    sweep(paid)
    dispatcher.run()
    assert dispatcher.held[LINE] == "off"
    assert due(paid) > paid.today() + timedelta(days=45)
    assert dispatcher.told()[CUSTOMER_PHONE][-1] == "customer_kept_off"
    assert dispatcher.facts("payment_notice")["reconnection"] == "KEPT OFF BY STAFF"
    release(paid)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"


def test_days_are_given_from_today_where_the_due_date_is_over(paid, dispatcher, clock):
    was = due(paid)
    extend(paid, 2)
    assert due(paid) == was + timedelta(days=2)
    clock.forward(days=60)
    sweep(paid)
    dispatcher.carry_out()
    extend(paid, 5)
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "on"
    assert due(paid) == paid.today() + timedelta(days=5)
    days = [row for row in paid.rows(account_changes, field="next_payment_date") if row.actor == "Asha"]
    assert [row.reason for row in days] == ["as asked"] * 2


def test_what_cannot_be_given_or_held_is_refused_in_words(paid, clock):
    paid.set_customer("0949AQ", next_payment_date=None)
    with pytest.raises(NothingToExtend):
        extend(paid, 5)
    paid.set_customer("0949AQ", next_payment_date=date.max)
    with pytest.raises(NothingToExtend):
        extend(paid, 5)
    paid.set_customer("0949AQ", closed_at=clock.now)
    with pytest.raises(LineClosed):
        hold(paid)


def test_an_unpaid_line_whose_router_is_away_is_off_once_it_is_back(paid, dispatcher, clock):
    clock.forward(days=40)
    sweep(paid)
    dispatcher.script[1] = DOWN * 30
    for _ in range(20):
        dispatcher.carry_out()
        clock.forward(minutes=2)
    assert dispatcher.held[LINE] == "on"
    assert get(paid).waits
    clock.forward(days=50)
    dispatcher.script[1] = []
    dispatcher.carry_out()
    assert dispatcher.held[LINE] == "off"
    assert not get(paid).waits


def test_what_the_predecessor_left_is_compared_with_its_status(managing, dispatcher, clock):
    tomorrow, yesterday = managing.today() + timedelta(days=1), managing.today() - timedelta(days=1)
    managing.set_customer("0949AQ", status="active", next_payment_date=tomorrow)
    managing.set_customer("WAIRIMU1", status="active", next_payment_date=yesterday)
    managing.set_customer("77XY", status="inactive", next_payment_date=tomorrow)
    managing.set_customer("12BC", status="inactive", next_payment_date=None)
    planned, _ = sweeping.plan(managing.engine, 0, 100)
    assert {(one.customer.account_name, one.after.state) for one in planned} == {("WAIRIMU1", "off"), ("77XY", "on")}
    sweep(managing)
    dispatcher.carry_out()
    assert dispatcher.held == {(1, "wairimu"): "off", (2, "xy77"): "on"}
    assert sweeping.plan(managing.engine, 0, 100) == ([], 0)


@pytest.mark.parametrize("change", ["pause", "extend"])
def test_what_is_wanted_is_asked_for_beyond_the_end_of_the_payment_s_own_task(managing, dispatcher, clock, change):
    """The router is away from the payment until after the time that was paid for."""
    dispatcher.script[1] = DOWN * 10_000
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    dispatcher.held[LINE] = "off" if change == "extend" else "on"
    if change == "pause":
        hold(managing)
    else:
        extend(managing, 5)
    clock.forward(days=33)
    sweep(managing)
    dispatcher.script[1] = []
    dispatcher.run()
    assert dispatcher.held[LINE] == ("off" if change == "pause" else "on")
