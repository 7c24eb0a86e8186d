"""A line that two customers have is on while it is wanted on for either; what is wanted of each stays its own.

0949AQ and WAIRIMU1 have the secret 0949AQ of router 1.
"""

from datetime import timedelta

import pytest
from billing.changes import service as changes
from billing.changes.rules import Author, CustomerUpdate
from billing.drift import service as drift
from billing.drift.rules import Access, HeldSecret
from billing.drift.service import Span
from billing.lines import service
from billing.lines.service import Whom
from billing.payees.rules import Line, LineReason, LineState
from billing.policies.service import Asked, Noun, change
from billing.schema import isps, tasks
from billing.tasks.rules import AccessOutcome
from sqlalchemy import update

from tests.billing.desk import customer
from tests.billing.dispatching import Dispatcher, lines, switched
from tests.billing.lines.conftest import sweep

LINE, ELSEWHERE = (1, "0949AQ"), (2, "other")
JANE, WAIRIMU = Whom(account="0949AQ"), Whom(account="WAIRIMU1")
ASHA = Author("Asha", "as asked")


@pytest.fixture
def shared(managing, dispatcher, clock):
    """Jane paid for a month, Wairimu twenty days later for another: the line is on."""
    managing.set_customer("WAIRIMU1", username="0949AQ")
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    clock.forward(days=20)
    managing.pay("B1", "WAIRIMU1")
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    return managing


def hold(desk, whom, why=LineReason.PAUSED):
    service.hold(desk.engine, desk.policy, whom, why, ASHA)


def set_fields(desk, account, **fields):
    one = CustomerUpdate(desk.customer(account).id, "", list(fields), customer(account, 1, None, **fields))
    (done,) = changes.update_customers(desk.engine, desk.policy, [one], ASHA)
    assert not done.error


def close(desk, account):
    set_fields(desk, account, closed=True)


def expire_jane(desk, clock):
    clock.forward(days=15)
    sweep(desk)
    assert desk.customer("0949AQ").line_wanted == "off"


def cut_by_staff(desk, clock):
    hold(desk, JANE, LineReason.BY_STAFF)


def pause(desk, clock):
    hold(desk, JANE)


def close_jane(desk, clock):
    close(desk, "0949AQ")


def open_tasks(desk):
    return desk.rows(tasks, kind="set_access", state="open")


@pytest.mark.parametrize("end_it", [expire_jane, cut_by_staff, pause, close_jane])
def test_a_line_stays_on_for_the_other_customer_and_goes_off_with_that_one_s_time(shared, dispatcher, clock, end_it):
    end_it(shared, clock)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    assert open_tasks(shared) == []
    assert shared.customer("0949AQ").line_wanted == "off"
    assert "customer_switched_off" not in {one.template for one in dispatcher.inbox.values()}
    clock.forward(days=40)
    sweep(shared)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    assert {shared.customer(one).status for one in ("0949AQ", "WAIRIMU1")} == {"inactive"} | (
        {"active"} if end_it is close_jane else set()
    )


@pytest.mark.parametrize("leave", ["close", "move"])
def test_a_line_goes_off_when_the_one_for_whom_it_was_on_has_it_no_longer(shared, dispatcher, clock, leave):
    expire_jane(shared, clock)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    if leave == "close":
        close(shared, "WAIRIMU1")
    else:
        set_fields(shared, "WAIRIMU1", router_id=2, username="other")
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"} | ({} if leave == "close" else {ELSEWHERE: "on"})


def test_who_pays_gets_the_line_on_whatever_the_other_is(shared, dispatcher, clock):
    hold(shared, JANE)
    hold(shared, WAIRIMU)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    shared.pay("B2", "WAIRIMU1")
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    assert shared.customer("0949AQ").line_wanted == "off"


def test_a_payment_of_the_other_while_the_line_is_being_cut_wins(shared, dispatcher, clock):
    clock.forward(days=60)
    sweep(shared)
    dispatcher.carry_out()
    service.fix(shared.engine, JANE)
    (cutting,) = lines(shared, owner="one")
    assert cutting.work.wanted is LineState.OFF
    shared.pay("B2", "WAIRIMU1")
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    shared.report(switched(cutting))  # another dispatcher's router answers late: it is off
    dispatcher.held[LINE] = "off"
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    assert open_tasks(shared) == []


def test_the_other_s_time_that_ends_while_the_line_is_asked_to_be_on_wins(shared, dispatcher, clock):
    expire_jane(shared, clock)
    (keeping,) = lines(shared, owner="one")
    assert keeping.work.wanted is LineState.ON
    hold(shared, WAIRIMU)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    shared.report(switched(keeping))
    dispatcher.held[LINE] = "on"
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}


def test_a_line_that_is_on_for_another_has_what_that_one_is_to_have(shared, clock):
    change(shared.engine, Asked(Noun.ISP, 1), {"off": "profile:unpaid", "profile": "10M"}, (), ASHA)
    change(shared.engine, Asked(Noun.CUSTOMER, account="WAIRIMU1"), {"profile": "20M"}, (), ASHA)
    expire_jane(shared, clock)
    asked = {one.trans_id: one for one in shared.lease() if isinstance(one.work, Line)}
    keeping = asked[f"LINE-{shared.customer('0949AQ').id}-{shared.customer('0949AQ').line_version}"]
    assert (keeping.work.wanted, keeping.limit.profile) == (LineState.ON, "20M")


def test_whoever_is_wanted_on_counts_and_not_who_is_closed_or_has_another_spelling(shared, dispatcher, clock):
    expire_jane(shared, clock)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    shared.set_customer("WAIRIMU1", username="0949aq")  # another secret to a router
    service.fix(shared.engine, JANE)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}


def test_nobody_of_an_isp_that_is_closed_keeps_a_line_on(shared, dispatcher, clock):
    shared.set_customer("WAIRIMU1", isp_id=2)
    shared.execute(update(isps).where(isps.c.id == 2).values(closed_at=clock.now))
    expire_jane(shared, clock)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    span = Span("0949", "0949AQ")
    assert drift.compare(shared.engine, shared.policy, 1, [HeldSecret("0949AQ", Access.DISABLED)], span).found == []


def test_what_nobody_has_looked_at_yet_counts_as_the_predecessor_left_it(managing, dispatcher, clock):
    """The first sweep comes to one before the other."""
    yesterday, tomorrow = managing.today() - timedelta(days=1), managing.today() + timedelta(days=1)
    managing.set_customer("0949AQ", status="active", next_payment_date=yesterday)
    managing.set_customer("WAIRIMU1", username="0949AQ", status="active", next_payment_date=tomorrow)
    hold(managing, JANE)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}


def test_a_line_says_with_whom_it_is_shared_and_what_its_router_holds(shared, dispatcher, clock):
    expire_jane(shared, clock)
    dispatcher.carry_out()
    report = service.get(shared.engine, JANE)
    assert report.customer.wanted is LineState.OFF
    assert (report.asked, report.reported.state) == (LineState.ON, LineState.ON)
    assert [(one.account_name, one.wanted) for one in report.sharers] == [("WAIRIMU1", LineState.ON)]
    assert service.get(shared.engine, Whom(account="77XY")).sharers == []


def test_a_fix_and_a_check_leave_the_line_on_for_the_other(shared, dispatcher, clock):
    expire_jane(shared, clock)
    dispatcher.carry_out()
    dispatcher.held[LINE] = "off"
    span = Span("0949", "0949AQ")
    found = drift.compare(shared.engine, shared.policy, 1, [HeldSecret("0949AQ", Access.DISABLED)], span).found
    assert [one.account_name for one in found] == ["WAIRIMU1"]
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    service.fix(shared.engine, JANE)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}


def test_a_router_that_was_away_is_asked_for_what_holds_when_it_is_back(shared, dispatcher: Dispatcher, clock):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 500
    clock.forward(days=60)
    sweep(shared)
    dispatcher.carry_out()
    shared.pay("B2", "WAIRIMU1")
    dispatcher.carry_out()
    dispatcher.script[1] = []
    clock.forward(minutes=5)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    assert open_tasks(shared) == []
