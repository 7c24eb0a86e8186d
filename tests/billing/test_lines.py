"""What a paid line leads to, and who is told what and when: the truth about the router."""

from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa
from billing.schema import (
    isps,
    payment_debug_log,
    tasks,
)
from billing.tasks.rules import AccessOutcome

from tests.billing.desk import (
    CONNECTED,
    CUSTOMER_PHONE,
    ISP_1,
    ISP_2,
)


def test_a_line_switched_in_time_is_told_in_one_message(desk, dispatcher):
    desk.pay("TKE34A5QM8", " 0949aq ")
    assert desk.customer("0949AQ").status == "inactive"  # only the router can say that it is on
    dispatcher.carry_out()
    customer = desk.customer("0949AQ")
    assert customer.status == "active"
    assert customer.last_reconnected_at
    assert dispatcher.switched == [(1, "0949AQ")]
    assert dispatcher.told() == CONNECTED
    notice = dispatcher.facts("payment_notice")
    assert (notice["reconnection"], notice["router"], notice["username"]) == ("CONNECTED", "Tower 1", "0949AQ")
    assert desk.timeline("TKE34A5QM8") == [
        "PAYMENT_RECEIVED", "CUSTOMER_PAYMENT_START", "USER_FOUND", "TRANSACTION_RECORDED", "WALLET_UPDATED",
        "PROCESSING_COMPLETE", "MIKROTIK_ATTEMPT", "RECONNECTION_SUCCESS",
    ]  # fmt: skip


def test_lines_confirmed_in_one_report_are_each_told_with_their_router(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "77XY", "500")
    dispatcher.carry_out()
    notices = [message.facts for message in dispatcher.inbox.values() if message.template == "payment_notice"]
    assert {(facts["trans_id"], facts["router"]) for facts in notices} == {("A1", "Tower 1"), ("A2", "Tower 2")}
    assert desk.customer("0949AQ").status == desk.customer("77XY").status == "active"


def test_a_dispatcher_that_was_away_tries_the_line_before_it_says_anything(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    desk.pass_time(timedelta(minutes=5))
    dispatcher.carry_out()
    assert dispatcher.told() == CONNECTED


def test_a_dispatcher_that_was_away_does_not_keep_the_truth_for_long(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 50
    desk.pay("A1", "0949AQ")
    desk.pass_time(timedelta(minutes=5))
    dispatcher.carry_out()
    assert dispatcher.told() == {}
    desk.pass_time(timedelta(seconds=10))
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_waiting"]


def test_a_line_that_was_on_already_is_confirmed_all_the_same(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.ALREADY_SO]
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    assert desk.customer("0949AQ").status == "active"
    assert dispatcher.told() == CONNECTED


@pytest.mark.parametrize(
    ("failure", "heard", "told_at_once"),
    [
        (AccessOutcome.UNREACHABLE, "customer_waiting", {}),
        (AccessOutcome.TIMED_OUT, "customer_waiting", {}),
        (AccessOutcome.LOGIN_REFUSED, "customer_unassigned_line", {"admins": ["system_error"]}),
        (AccessOutcome.NOT_PERMITTED, "customer_unassigned_line", {"admins": ["system_error"]}),
        (AccessOutcome.ROUTER_ERROR, "customer_unassigned_line", {"admins": ["system_error"]}),
    ],
)
def test_a_router_that_fails_means_waiting_and_then_being_on(desk, dispatcher, failure, heard, told_at_once):
    dispatcher.script[1] = [failure] * 5
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.told() == told_at_once  # the line may still come up within the grace
    desk.pass_time(timedelta(seconds=10))
    dispatcher.carry_out()
    to_admins = [*told_at_once.get("admins", []), "payment_notice"]
    waiting = {CUSTOMER_PHONE: [heard], ISP_1: ["payment_notice"], "admins": to_admins}
    assert dispatcher.told() == waiting
    assert dispatcher.facts("payment_notice")["reconnection"] == "FAILED (DATE UPDATED)"
    assert desk.customer("0949AQ").status == "inactive"
    assert desk.customer("0949AQ").next_payment_date > desk.today()
    dispatcher.run()
    assert desk.customer("0949AQ").status == "active"
    assert dispatcher.switched == [(1, "0949AQ")]
    assert dispatcher.told() == {
        phone: [*before, "customer_reconnected" if phone == CUSTOMER_PHONE else "reconnection_done"]
        for phone, before in waiting.items()
    }
    assert dispatcher.facts("customer_reconnected")["due_date"] == dispatcher.facts(heard)["due_date"]
    assert desk.timeline("A1").count("RECONNECTION_FAILED") == 1  # not one a minute for days
    desk.check_books()


def test_results_that_take_turns_are_each_written_down_once(desk, dispatcher):
    """A router that accepts and never answers: a call times out, the next ones are told that it is not tried again."""
    turns = [AccessOutcome.TIMED_OUT, AccessOutcome.UNREACHABLE, AccessOutcome.ROUTER_ERROR, AccessOutcome.UNREACHABLE]
    dispatcher.script[1] = turns * 5
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "WAIRIMU1")
    dispatcher.run()
    for trans_id in ("A1", "A2"):
        failures = desk.rows(payment_debug_log, transaction_id=trans_id, category="RECONNECTION_FAILED")
        results = [orjson.loads(row.details)["result"] for row in failures]
        assert results == ["timed_out", "unreachable", "router_error"]
        assert desk.timeline(trans_id).count("RECONNECTION_SUCCESS") == 1
    assert dispatcher.told()["admins"].count("system_error") == 1


@pytest.mark.parametrize("on_record", ["N/A", "0712345678/07223456", "-", "12345"])
@pytest.mark.parametrize(("payer", "heard"), [("254722000123", {"254722000123"}), ("2547***123", set())])
def test_who_has_no_number_on_record_hears_at_the_one_that_paid_if_it_is_whole(
    desk, dispatcher, on_record, payer, heard
):
    desk.set_customer("0949AQ", phone=on_record)
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 8
    desk.pay("A1", "0949AQ", msisdn=payer)
    dispatcher.run()
    told = dispatcher.told()
    assert set(told) - {ISP_1, "admins"} == heard
    assert all(told[one] == ["customer_waiting", "customer_reconnected"] for one in heard)


def test_whom_a_masked_number_paid_for_hears_nothing_but_a_whole_number_hears_all(desk, dispatcher):
    dispatcher.script[2] = [AccessOutcome.UNREACHABLE] * 8
    desk.pay("A1", "77XY", "500", msisdn="254722***123")
    desk.pay("A2", "77XY", "500", msisdn="254722000123")
    dispatcher.run()
    told = dispatcher.told()
    assert told.pop("254722000123") == ["customer_waiting", "customer_reconnected"]
    assert set(told) == {ISP_2, "admins"}


@pytest.mark.parametrize("failure", [AccessOutcome.NO_SUCH_SECRET, AccessOutcome.NO_SUCH_ROUTER])
def test_a_line_that_no_waiting_could_mend_is_given_up_and_told(desk, dispatcher, failure):
    dispatcher.script[1] = [failure]
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    assert desk.one(tasks, kind="set_access").state == "given_up"
    assert dispatcher.told() == {
        CUSTOMER_PHONE: ["customer_unassigned_line"],
        ISP_1: ["payment_notice"],
        "admins": ["payment_notice", "system_error"],
    }
    assert dispatcher.facts("payment_notice")["reconnection"] == "FAILED (DATE UPDATED)"
    assert failure in dispatcher.facts("system_error")["error"]
    assert desk.customer("0949AQ").status == "inactive"
    desk.check_books()


@pytest.mark.parametrize("missing", [{"router_id": None}, {"username": None}, {"username": ""}])
def test_without_router_or_username_the_date_moves_and_staff_are_told(desk, dispatcher, missing):
    desk.set_customer("0949AQ", **missing)
    desk.pay("A1", "0949AQ")
    assert desk.customer("0949AQ").next_payment_date > desk.today()
    dispatcher.run()
    assert dispatcher.told() == CONNECTED | {CUSTOMER_PHONE: ["customer_unassigned_line"]}
    assert dispatcher.facts("payment_notice")["reconnection"] == "NO ROUTER CONFIGURED"
    assert "NO_ROUTER_CONFIG" in desk.timeline("A1")


def test_while_messages_cannot_be_handed_over_lines_are_switched_and_messages_follow(desk, dispatcher):
    dispatcher.notify_is_up = False
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert desk.customer("0949AQ").status == "active"
    assert dispatcher.told() == {}
    dispatcher.notify_is_up = True
    dispatcher.run()
    assert dispatcher.told() == CONNECTED


def test_a_payment_nobody_needs_to_hear_of_leaves_no_message_task(desk, dispatcher):
    desk.policy = type(desk.policy)((), desk.policy.shortcodes)
    desk.execute(sa.update(isps).values(contact_phone=None))
    desk.pay("A1", "HELLO")
    desk.pay("A2", "77XY", "500")
    dispatcher.script[2] = [AccessOutcome.NO_SUCH_SECRET]
    dispatcher.run()
    assert [task.kind for task in desk.rows(tasks)] == ["set_access"]
