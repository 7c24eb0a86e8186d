"""Leases and reports: who may do what when, and how a task ends."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.payees.rules import Line
from billing.schema import tasks
from billing.tasks import rules as task_rules
from billing.tasks.rules import AccessOutcome, Report, TaskKind

from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE, payment
from tests.billing.dispatching import failed, handed_over, lines, switched

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


# --- leases -------------------------------------------------------------------------------------------------------


def test_a_leased_task_is_nobody_else_s_until_its_time_is_over(desk):
    desk.pay("A1", "0949AQ")
    (first,) = desk.lease(owner="one", seconds=30)
    desk.pass_time(29 * SECOND)
    assert lines(desk, owner="two") == []
    desk.pass_time(2 * SECOND)
    (second,) = lines(desk, owner="two")
    assert (second.task_id, second.fencing_token) == (first.task_id, first.fencing_token + 1)
    assert desk.one(tasks, id=first.task_id).leased_by == "two"


def test_a_lease_from_before_leases_had_an_end_of_their_own_is_respected(desk):
    """Its end is in `due_time`: a billing of the version before wrote it, maybe while this one was starting."""
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease(seconds=30)
    until = desk.one(tasks, id=line.task_id).lease_expire_time
    desk.execute(sa.update(tasks).where(tasks.c.id == line.task_id).values(due_time=until, lease_expire_time=None))
    desk.pass_time(29 * SECOND)
    assert lines(desk) == []
    desk.pass_time(2 * SECOND)
    assert [again.fencing_token for again in lines(desk)] == [line.fencing_token + 1]


def test_a_report_under_an_older_lease_changes_nothing(desk):
    desk.pay("A1", "0949AQ")
    (first,) = desk.lease(seconds=1)
    desk.make_due()
    (second,) = lines(desk)
    before = desk.rows(tasks)
    assert desk.report(switched(first)) == [first.task_id]
    assert desk.rows(tasks) == before
    assert desk.customer("0949AQ").status == "inactive"
    assert desk.report(switched(second)) == []
    assert desk.report(switched(second)) == [second.task_id]  # each report counts at most once


def test_a_late_report_counts_while_nobody_else_took_the_task(desk):
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease(seconds=1)
    desk.pass_time(5 * SECOND)
    assert desk.report(switched(line)) == []
    assert desk.customer("0949AQ").status == "active"


def test_the_same_report_twice_in_one_call_counts_once(desk):
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease()
    assert desk.report(failed(line), switched(line)) == [line.task_id]
    assert desk.one(tasks, id=line.task_id).failures == 1
    assert desk.report(Report(999, 1, accepted=True)) == [999]


@pytest.mark.parametrize("kind", ["set_access", "send_messages"])
def test_a_report_of_the_wrong_kind_is_refused(desk, kind):
    desk.pay("A1", "0949AQ" if kind == "set_access" else "ACC001")
    (task,) = desk.lease()
    wrong = handed_over(task) if kind == "set_access" else switched(task)
    assert desk.report(wrong) == [task.task_id]
    assert desk.one(tasks, id=task.task_id).state == "open"


def test_a_released_task_is_due_at_once_and_has_not_failed(desk):
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease()
    assert desk.report(Report(line.task_id, line.fencing_token)) == []
    (again,) = desk.lease()
    assert (again.task_id, again.fencing_token) == (line.task_id, line.fencing_token + 1)
    assert desk.one(tasks, id=line.task_id).failures == 0


def test_the_longest_due_come_first_and_no_more_than_asked(desk):
    desk.pay_batch(*(payment(f"A{n}", "ACC001") for n in range(5)))
    assert [task.trans_id for task in desk.lease(2)] == ["A0", "A1"]
    assert [task.trans_id for task in desk.lease(2)] == ["A2", "A3"]
    assert [task.trans_id for task in desk.lease(2)] == ["A4"]


def test_many_lessees_at_once_never_share_a_task(desk):
    desk.policy = replace(desk.policy, staff_messages_per_hour=0)
    desk.pay_batch(*(payment(f"A{n}", "ACC001") for n in range(200)))
    answers = at_once([lambda n=n: [desk.lease(10, owner=f"number {n}") for _ in range(3)] for n in range(10)])
    leased = [task for leases in answers for lease in leases for task in lease]
    assert leased
    leased += desk.lease(1000)  # what a lessee finds locked by another it leaves
    assert len({task.task_id for task in leased}) == len(leased) == 200
    assert {task.fencing_token for task in leased} == {1}


def test_two_lessees_report_one_task_at_once_and_one_counts(desk):
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease()
    stale = at_once([lambda: desk.report(switched(line))] * 8)
    assert sorted(stale) == [[], *[[line.task_id]] * 7]
    assert len([task for task in desk.rows(tasks) if task.kind == "send_messages"]) == 1


def test_busy_routers_are_left_out(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "77XY", "500")
    assert [task.work.router_id for task in lines(desk, busy={1})] == [2]
    assert lines(desk, busy={1}) == []
    assert [task.work.router_id for task in lines(desk)] == [1]


def test_lines_and_messages_are_leased_apart(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ", "1")  # not enough: messages only
    assert [type(task.work) for task in desk.lease(kinds=[TaskKind.SET_ACCESS])] == [Line]
    (messages,) = desk.lease(kinds=[TaskKind.SEND_MESSAGES])
    assert messages.trans_id == "A2"


def test_nobody_is_told_that_a_site_is_down_before_its_line_was_tried(desk):
    desk.pay("A1", "0949AQ")
    desk.make_due()
    assert desk.lease(kinds=[TaskKind.SEND_MESSAGES]) == []
    assert timedelta() < desk.next_due_in_of(desk.rows(tasks, kind="send_messages")) <= task_rules.MIN_MESSAGE_DELAY
    (line,) = desk.lease(kinds=[TaskKind.SET_ACCESS])
    desk.report(Report(line.task_id, line.fencing_token, access=AccessOutcome.UNREACHABLE))
    desk.make_due()
    (messages,) = desk.lease(kinds=[TaskKind.SEND_MESSAGES])
    assert messages.work[0].template == "customer_waiting"


def test_a_message_waits_for_its_line_as_long_as_the_grace(desk):
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease(seconds=5)
    waiting = desk.next_due_in_of(desk.rows(tasks, kind="send_messages"))
    assert task_rules.MESSAGE_DELAY - 2 * SECOND < waiting <= task_rules.MESSAGE_DELAY
    desk.report(switched(line))
    assert desk.lease(kinds=[TaskKind.SEND_MESSAGES])


# --- ends ---------------------------------------------------------------------------------------------------------


def test_a_line_is_tried_until_the_paid_time_is_over_and_then_the_customer_is_told(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 1000
    desk.set_customer("0949AQ", next_payment_date=None)
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    due_date = desk.customer("0949AQ").next_payment_date
    desk.pass_time(due_date - desk.today())  # it is the due date now: still paid for
    dispatcher.carry_out()
    assert desk.one(tasks, kind="set_access").state == "open"
    desk.pass_time(DAY)
    dispatcher.carry_out()
    line = desk.one(tasks, kind="set_access")
    assert (line.state, line.last_error) == ("expired", "its time ran out")
    assert dispatcher.told()[CUSTOMER_PHONE][-1] == "customer_expired"
    assert dispatcher.told()["admins"][-1] == "system_error"
    assert "unreachable" in dispatcher.facts("system_error")["error"]
    assert desk.timeline("A1")[-1] == "RECONNECTION_FAILED"
    assert desk.customer("0949AQ").status == "inactive"
    desk.check_books()


def test_an_older_payment_s_end_is_no_news_while_a_newer_one_is_paid_for(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 1000
    desk.set_customer("0949AQ", next_payment_date=None)
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    dispatcher.carry_out()
    desk.pass_time(task_rules.MESSAGE_DELAY)
    dispatcher.carry_out()
    desk.pass_time(35 * DAY)
    dispatcher.carry_out()
    assert [task.state for task in desk.rows(tasks, kind="set_access")] == ["expired", "open"]
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_waiting"] * 2
    dispatcher.script.clear()
    dispatcher.run()
    assert dispatcher.told()[CUSTOMER_PHONE][-1] == "customer_reconnected"


def test_a_message_that_nobody_takes_for_a_day_ends_with_a_step_in_the_log(desk, dispatcher):
    dispatcher.notify_is_up = False
    desk.pay("A1", "ACC001")
    dispatcher.carry_out()
    desk.pass_time(DAY - 5 * SECOND)
    dispatcher.carry_out()
    assert desk.one(tasks).state == "open"
    assert desk.one(tasks).last_error == "notify is down"
    desk.pass_time(2 * timedelta(minutes=1))
    dispatcher.carry_out()
    assert desk.one(tasks).state == "expired"
    assert desk.timeline("A1")[-1] == "PROCESSING_ERROR"
