"""A router that is there and refuses is an operator's to mend: told once, in its own words, and not as being away."""

import pytest
from billing.schema import payment_debug_log, tasks
from billing.tasks.rules import AccessOutcome

from tests.billing.desk import CUSTOMER_PHONE

FAULTS = (
    AccessOutcome.NOT_PERMITTED,
    AccessOutcome.ROUTER_ERROR,
    AccessOutcome.LOGIN_REFUSED,
    AccessOutcome.CERTIFICATE_CHANGED,
    AccessOutcome.NO_SUCH_PROFILE,
    AccessOutcome.NO_FIXED_ADDRESS,
)
ADVICE = {
    AccessOutcome.NO_SUCH_PROFILE: "Make it there, or name another: rejesha package update or policy set",
    AccessOutcome.NO_FIXED_ADDRESS: "Give the secret a remote-address, or rejesha policy set off=disable",
}


def refuse(dispatcher, fault, times):
    dispatcher.script[1] = [fault] * times
    dispatcher.words = "not enough permissions (9)"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_operator_hears_the_router_s_words_once_and_the_customers_nothing_of_being_away(desk, dispatcher, fault):
    refuse(dispatcher, fault, 3)
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "WAIRIMU1")
    for _ in range(3):
        dispatcher.carry_out()
        desk.make_due()
    desk.pay("A3", "0949AQ", "2000")
    dispatcher.script[1].append(fault)
    dispatcher.carry_out()
    told = dispatcher.told()
    assert told["admins"].count("system_error") == 1
    advice = f"{ADVICE.get(fault, 'Mend it')}: what waits goes on by itself"
    told_error = dispatcher.facts("system_error")["error"]
    assert told_error == f"{fault} on router Tower 1: not enough permissions (9). {advice}"
    assert set(told[CUSTOMER_PHONE]) == {"customer_unassigned_line"}
    waiting = desk.rows(tasks, kind="set_access", state="open")
    assert {task.last_error for task in waiting} == {f"{fault}: not enough permissions (9)"}
    failed = desk.rows(payment_debug_log, transaction_id="A1", category="RECONNECTION_FAILED")
    assert [row.message for row in failed] == [f"The line could not be switched on router 1: {fault}"]

    dispatcher.run()
    assert set(dispatcher.switched) == {(1, "0949AQ"), (1, "wairimu")}
    assert dispatcher.told()[CUSTOMER_PHONE][-1] == "customer_reconnected"


def test_who_is_on_before_the_message_goes_out_hears_only_that(desk, dispatcher):
    refuse(dispatcher, AccessOutcome.ROUTER_ERROR, 1)
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert CUSTOMER_PHONE not in dispatcher.told()
    for line in desk.rows(tasks, kind="set_access"):
        desk.execute(tasks.update().where(tasks.c.id == line.id).values(due_time=line.create_time))
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected"]


def test_a_fault_that_comes_back_after_it_was_mended_is_told_again(desk, dispatcher):
    refuse(dispatcher, AccessOutcome.NOT_PERMITTED, 1)
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    dispatcher.run()
    refuse(dispatcher, AccessOutcome.NOT_PERMITTED, 1)
    desk.pay("A2", "WAIRIMU1")
    dispatcher.carry_out()
    assert dispatcher.told()["admins"].count("system_error") == 2


def test_a_router_that_is_away_is_nobody_s_fault(desk, dispatcher):
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE]
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    desk.make_due()
    dispatcher.script[1] = [AccessOutcome.TIMED_OUT]
    dispatcher.carry_out()
    told = dispatcher.told()
    assert (told[CUSTOMER_PHONE], "system_error" in told["admins"]) == (["customer_waiting"], False)
