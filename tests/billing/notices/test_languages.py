"""Customers are told in the language that was decided for them, staff in English."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.lookup import service as lookup
from billing.notices.composing import compose
from billing.notices.rules import Notice
from billing.policies import store
from billing.policies.rules import Language
from billing.policy import Policy
from billing.schema import line_policies
from billing.tasks.rules import AccessOutcome

from tests.billing.desk import CONNECTED, CUSTOMER_PHONE, ISP_1


def decide(desk, noun, noun_id, language):
    desk.execute(sa.insert(line_policies).values(noun=noun, noun_id=noun_id, field="language", value=language))


@pytest.fixture
def kiswahili(desk):
    decide(desk, "isp", 1, "sw")
    decide(desk, "customer", desk.customer("WAIRIMU1").id, "en")
    return desk


def test_each_customer_s_own_decision_counts_else_that_of_the_isp(kiswahili):
    desk = kiswahili
    decide(desk, "customer", desk.customer("77XY").id, "sw")
    decide(desk, "isp", 2, "xx")  # of a later release
    ids = {account: desk.customer(account).id for account in ("0949AQ", "12BC", "WAIRIMU1", "77XY")}
    with desk.engine.connect() as connection:
        found = store.languages(connection, set(ids.values()))
    assert {account: found.get(one) for account, one in ids.items()} == {
        "0949AQ": "sw", "12BC": "sw", "WAIRIMU1": "en", "77XY": "sw"
    }  # fmt: skip


def test_a_payment_is_told_in_the_customer_s_language_and_to_staff_in_english(kiswahili, dispatcher):
    kiswahili.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.told() == CONNECTED | {CUSTOMER_PHONE: ["customer_connected_sw"]}
    kiswahili.pay("A2", "WAIRIMU1")
    dispatcher.carry_out()
    assert dispatcher.told()["0712000003"] == ["customer_connected"]
    shown = lookup.get_payment(kiswahili.engine, "A1").tasks
    assert {task.language for task in shown if task.kind == "send_messages"} == {"sw"}


def test_all_that_follows_is_told_in_it_too(kiswahili, dispatcher):
    desk = kiswahili
    desk.policy = Policy(desk.policy.admin_phones, desk.policy.shortcodes, part_payments_per_hour=1)
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 8
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    for number in range(3):
        desk.pay(f"P{number}", "0949AQ", "10")
    dispatcher.run()
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 1000
    desk.pay("A2", "0949AQ")
    dispatcher.carry_out()
    desk.pass_time(desk.customer("0949AQ").next_payment_date - desk.today() + timedelta(days=1))
    dispatcher.carry_out()
    told = dispatcher.told()
    assert [name.removesuffix("_sw") for name in told[CUSTOMER_PHONE] if name.endswith("_sw")] == [
        "customer_waiting", "customer_reconnected", "customer_partial", "customer_partial_digest", "customer_expired",
    ]  # fmt: skip
    assert len(told[CUSTOMER_PHONE]) == 5
    assert not [name for name in told[ISP_1] + told["admins"] if name.endswith("_sw")]


def test_months_are_called_as_in_the_text_around_them():
    notice = Notice("reconnected", {"due_date": "23 Dec 2026"}, customer=CUSTOMER_PHONE, isp=ISP_1)
    told = compose("T", notice, None, language=Language.KISWAHILI)
    assert [(one.template, one.facts["due_date"]) for one in told] == [
        ("customer_reconnected_sw", "23 Des 2026"), ("reconnection_done", "23 Dec 2026")
    ]  # fmt: skip
    assert {one.facts["due_date"] for one in compose("T", notice, None)} == {"23 Dec 2026"}


def test_a_decision_counts_from_the_next_message_on(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    decide(desk, "isp", 1, "sw")
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected_sw"]
