"""An operator mends the cause and has a payment's ended tasks tried again."""

from datetime import timedelta

from billing.schema import pppoe_users, tasks
from billing.tasks import rules as task_rules
from billing.tasks.rules import AccessOutcome

from tests.billing.desk import CUSTOMER_PHONE, ISP_1

DAY = timedelta(days=1)


def test_a_given_up_line_is_tried_again_as_the_record_says_by_then(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.NO_SUCH_SECRET]
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    desk.set_customer("0949AQ", router_id=2, username="mended")
    (reopened,) = desk.retry("A1")
    assert desk.one(tasks, id=reopened).state == "open"
    dispatcher.run()
    assert dispatcher.switched == [(2, "mended")]
    assert desk.customer("0949AQ").status == "active"
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_unassigned_line", "customer_reconnected"]
    assert dispatcher.told()[ISP_1] == ["payment_notice", "reconnection_done"]
    assert desk.retry("A1") == []


def test_a_line_given_up_twice_is_told_twice(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.NO_SUCH_SECRET] * 2
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    desk.retry("A1")
    dispatcher.run()
    assert dispatcher.told()["admins"].count("system_error") == 2


def test_an_expired_message_gets_another_day(desk, dispatcher):
    dispatcher.notify_is_up = False
    desk.pay("A1", "ACC001")
    dispatcher.carry_out()
    desk.pass_time(2 * DAY)
    dispatcher.carry_out()
    dispatcher.notify_is_up = True
    assert len(desk.retry("A1")) == 1
    dispatcher.run()
    assert dispatcher.told()[ISP_1] == ["service_payment"]


def test_an_expired_line_is_opened_again_only_while_it_is_paid_for(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 1000
    desk.set_customer("0949AQ", next_payment_date=None)
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    desk.pass_time(task_rules.MESSAGE_DELAY)
    dispatcher.carry_out()
    desk.pass_time(40 * DAY)
    dispatcher.carry_out()
    assert desk.retry("A1") == []
    desk.set_customer("0949AQ", next_payment_date=desk.today() + 3 * DAY)
    dispatcher.script.clear()
    assert len(desk.retry("A1")) == 1
    dispatcher.run()
    assert dispatcher.switched == [(1, "0949AQ")]


def test_a_customer_who_got_a_router_after_paying_is_switched_by_a_retry(desk, dispatcher):
    desk.pay("A1", "12BC", "1500.50")
    dispatcher.run()
    assert desk.retry("A1") == []
    desk.set_customer("12BC", router_id=1, username="bc12")
    assert len(desk.retry("A1")) == 1
    assert len(desk.retry("A1")) == 0
    dispatcher.run()
    assert dispatcher.switched == [(1, "bc12")]
    assert desk.one(pppoe_users, account_name="12BC").status == "active"
