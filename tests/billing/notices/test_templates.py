"""Everything that billing and the gateway tell, made by their own code, against notify's real templates."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing.announcements import rules as announcements
from billing.notices import composing, throttle
from billing.notices.rules import Notice, Variant
from billing.payees.rules import LineReason
from billing.policies.rules import PartPayments
from billing.reminders import rules as reminders
from billing.renewals.rules import Credit, renewed
from billing.reversals import service as reversals
from billing.reversals import unassigning
from billing.schema import line_policies
from billing.tasks.rules import AccessOutcome
from gateway.operations import alarm
from notify.messages.templates import TEMPLATES

from tests.billing.desk import ADMINS, CUSTOMER_PHONE, ISP_1, customer
from tests.billing.dispatching import Dispatcher
from tests.billing.opening import open_desk

NOON = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


@pytest.fixture
def dispatcher(sqlite_engine):
    return Dispatcher(open_desk(sqlite_engine))


@pytest.fixture
def told(dispatcher):
    """One message at least of each kind that is told of a payment, from payments that went every way they can."""
    desk = dispatcher.desk
    desk.pay("CONNECTED", "0949AQ")
    desk.pay("NO_LINE", "12BC", "1500.50")
    desk.pay("PARTIAL", "0949AQ", "10")
    desk.execute(
        sa.insert(line_policies).values(noun="isp", noun_id=1, field="part_payments", value=PartPayments.CREDIT)
    )
    desk.pay("KEPT", "0949AQ", "10")
    desk.pay("SMS", "SMS001", "100")
    desk.pay("WHATSAPP", "WA001", "100")
    desk.pay("SERVICE", "ACC001", "100")
    desk.pay("UNMATCHED", "9999ZZ")
    desk.pay("UNMATCHED", "9999ZZ", "7")  # contradicts it
    dispatcher.run()
    desk.set_customer("0949AQ", line_hold=LineReason.BY_STAFF)
    desk.pay("KEPT_OFF", "0949AQ")
    dispatcher.run()
    desk.set_customer("0949AQ", line_hold=None)
    unassigning.unassign(desk.engine, desk.policy, "SERVICE", "Asha", "it is the neighbour's")
    reversals.reverse(desk.engine, desk.policy, "SMS", "Asha", "paid twice")
    dispatcher.script[1] = [AccessOutcome.NO_SUCH_SECRET]
    desk.pay("GIVEN_UP", "0949AQ")
    dispatcher.run()
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 3
    desk.pay("WAITING", "0949AQ")
    desk.pass_time(timedelta(seconds=10))
    dispatcher.run()
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 1000
    desk.pay("EXPIRED", "0949AQ")
    dispatcher.carry_out()
    desk.pass_time(desk.customer("0949AQ").next_payment_date - desk.today() + timedelta(days=1))
    dispatcher.carry_out()
    return list(dispatcher.inbox.values())


def digests():
    customer, staff = Notice("", {}, customer=CUSTOMER_PHONE), Notice("", {}, isp=ISP_1, admins=ADMINS)
    for topic in throttle.Topic:
        whom = customer if topic is throttle.Topic.PART_PAYMENT else staff
        tally = throttle.Tally(1, topic, "somebody", NOON, held_back=3, held_back_cents=100_000)
        yield from composing.compose("task-1", throttle.digest(tally, whom, NOON + timedelta(hours=1)), None)


def of_due_dates():
    late = customer("0949AQ", 1, 100_000, phone=CUSTOMER_PHONE)
    for due_date in (NOON.date(), NOON.date() - timedelta(days=1)):
        notice = reminders.notice_of(replace(late, next_payment_date=due_date), NOON.date(), "600100")
        yield from composing.compose("task-1", notice, None)
    yield from composing.compose("task-4", announcements.notice_of("The tower is down.", late), None)
    yield from composing.compose("task-2", reminders.switched_off(late, "600100"), None)
    renewal = renewed(late, Credit(150_000, 1), NOON.date())
    assert renewal
    yield from composing.compose("task-3", renewal.notice(), None)


def alarms():
    for template in ("payments_waiting", "payments_waiting_over", "callbacks_rejected"):
        trouble = alarm.Trouble(cause="billing does not answer", count=3, lasting=True)
        yield alarm._message(alarm.Notice(template, NOON, trouble), "gateway-1", ADMINS[0])


def test_every_event_and_variant_of_billing_is_among_them(told):
    events = {message.message_id.split(".")[1].partition(":")[0] for message in (*told, *digests(), *of_due_dates())}
    assert events == {"payment", *composing._OTHER_EVENTS}
    to_customers = {message.template for message in told if message.phone == CUSTOMER_PHONE}
    assert to_customers >= {composing._CUSTOMER_PAYMENT[variant][0] for variant in Variant}


def test_every_message_has_a_template_with_all_facts_it_needs_and_every_template_is_used(told):
    messages = [*told, *digests(), *of_due_dates(), *alarms()]
    used = {message.template for message in messages}
    for message in messages:
        for name in {message.template, f"{message.template}_sw"} & set(TEMPLATES):
            text = TEMPLATES[name].render(message.facts)
            assert all(message.facts[fact] in text for fact in TEMPLATES[name].facts)
    assert used | {f"{name}_sw" for name in used if name.startswith("customer_")} == set(TEMPLATES)


def test_no_fact_is_given_that_no_text_tells(told):
    """Those of one payment get the same facts, and each text tells its part: together they tell all of them."""
    given, needed = set(), defaultdict(set)
    for message in (*told, *digests(), *of_due_dates(), *alarms()):
        kind = "payment" if ".payment." in message.message_id else frozenset(message.facts)
        given |= {(kind, fact) for fact in message.facts}
        needed[kind] |= TEMPLATES[message.template].facts
    assert {(kind, fact) for kind, fact in given if fact not in needed[kind]} == set()
