"""Each customer is reminded of each due date on the days that were decided, once, at decent hours, or never."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import orjson
import pytest
import sqlalchemy as sa
from billing import calendar
from billing.calendar import NAIROBI
from billing.policy import Policy
from billing.reminders import service
from billing.schema import isps, line_policies, pppoe_users, reminders, tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.database import transact
from servicekit.moments import current_time

from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.dispatching import Dispatcher

POLICY = Policy(paybill="600100")
DUE = date(2026, 12, 23)
ANY_HOUR = {"reminder_hour": "0", "quiet_from": "0", "quiet_until": "0"}


def at(day, hour, minute=0):
    """A moment in Nairobi."""
    return datetime.combine(day, time(hour, minute), NAIROBI)


def decide(desk, noun, noun_id, **values):
    rows = [{"noun": noun, "noun_id": noun_id, "field": field, "value": value} for field, value in values.items()]
    desk.execute(sa.insert(line_policies), rows)


def remind(desk, now, limit=1000):
    return transact(desk.engine, lambda connection: service.remind(connection, POLICY, now.astimezone(UTC), limit))


def told(desk):
    """The reminders that were written: whom, and what."""
    names = {row.id: row.account_name for row in desk.rows(pppoe_users)}
    found = [(names[row.customer_id], orjson.loads(row.payload)) for row in desk.rows(tasks)]
    return [(account, notice["event"], notice["facts"]["due_date"]) for account, notice in found]


@pytest.fixture
def reminded(desk):
    """ISP 1 reminds three days before, on, and one day after the due date; all its customers are paid until DUE."""
    decide(desk, "isp", 1, reminder_days="-3,0,1")
    desk.execute(sa.update(pppoe_users).values(next_payment_date=DUE))
    desk.set_customer("77XY", phone="0712000004")
    return desk


def test_what_is_kept_for_a_customer_is_not_asked_for(reminded):
    decide(reminded, "isp", 1, part_payments="credit")
    reminded.pay("A1", "0949AQ", "400")
    remind(reminded, at(DUE, 9))
    facts = [orjson.loads(row.payload)["facts"] for row in reminded.rows(tasks, trans_id="")]
    asked = {one["account"]: one["amount"] for one in facts}
    assert asked == {"0949AQ": "600.00", "12BC": "1,500.50", "WAIRIMU1": "1,000.00"}


def test_nobody_is_reminded_where_nothing_was_decided(desk):
    desk.execute(sa.update(pppoe_users).values(next_payment_date=DUE))
    decide(desk, "isp", 1, language="sw", quiet_from="20")
    assert remind(desk, at(DUE, 12)) == 0
    assert desk.rows(reminders) == []


def test_each_is_reminded_on_the_days_that_its_isp_chose_and_told_what_to_pay_where(reminded):
    for days in range(-5, 5):
        for hour in (0, 8, 9, 15, 20, 21, 23):
            remind(reminded, at(DUE + timedelta(days=days), hour))
    assert Counter(told(reminded)) == {
        (account, event, "23 Dec 2026"): count
        for account in ("0949AQ", "12BC", "WAIRIMU1")
        for event, count in (("reminder", 2), ("overdue", 1))
    }
    first = orjson.loads(reminded.rows(tasks)[0].payload)
    assert first["customer"] == CUSTOMER_PHONE
    assert first["facts"] == {"due_date": "23 Dec 2026", "amount": "1,000.00", "paybill": "600100", "account": "0949AQ"}


def test_a_customer_s_own_decision_counts_before_its_isp_s(reminded):
    own = reminded.customer("12BC").id
    decide(reminded, "customer", own, reminder_days="-1")
    decide(reminded, "customer", reminded.customer("WAIRIMU1").id, reminder_hour="14", language="sw")
    decide(reminded, "customer", reminded.customer("77XY").id, reminder_days="0")
    for day, hour, accounts in (
        (DUE - timedelta(days=3), 9, {"0949AQ"}),
        (DUE - timedelta(days=3), 14, {"WAIRIMU1"}),
        (DUE - timedelta(days=1), 9, {"12BC"}),
        (DUE, 10, {"0949AQ", "77XY"}),
    ):
        before = len(told(reminded))
        remind(reminded, at(day, hour))
        assert {account for account, *_ in told(reminded)[before:]} == accounts


@pytest.mark.parametrize(
    "change",
    [
        sa.update(pppoe_users).values(closed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        sa.update(isps).values(closed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        sa.update(pppoe_users).values(line_hold="paused"),
        sa.update(pppoe_users).values(line_hold="by_staff"),
        sa.update(pppoe_users).values(amount=None),
        sa.update(pppoe_users).values(next_payment_date=None),
        sa.update(pppoe_users).values(phone="N/A"),
    ],
    ids=["closed", "ISP closed", "paused", "cut by staff", "no package", "no due date", "no number"],
)
def test_who_cannot_be_reminded_is_not(reminded, change):
    reminded.execute(change)
    remind(reminded, at(DUE, 12))
    assert told(reminded) == []


def test_a_reminder_is_sent_until_it_is_quiet_and_not_after(reminded):
    remind(reminded, at(DUE, 12))
    assert {row.expire_time for row in reminded.rows(tasks)} == {at(DUE, 21).astimezone(UTC)}
    reminded.execute(sa.update(line_policies).values(value="none"))
    reminded.execute(sa.delete(tasks))
    decide(reminded, "isp", 2, reminder_days="0", **ANY_HOUR)
    remind(reminded, at(DUE, 23))
    assert {row.expire_time for row in reminded.rows(tasks)} == {calendar.end_of(DUE)}


def test_those_who_do_not_fit_into_one_go_follow_in_the_next(reminded):
    assert [remind(reminded, at(DUE, 12), limit=2) for _ in range(3)] == [2, 1, 0]
    assert len(told(reminded)) == 3


def test_many_who_sweep_at_once_send_each_reminder_once(reminded):
    reminded.insert_customers(*(
        {"account_name": f"C{n}", "next_payment_date": DUE, "phone": f"07120{n:05}"} for n in range(50)
    ))  # fmt: skip
    answers = at_once([lambda: remind(reminded, at(DUE, 12))] * 6)
    assert not [one for one in answers if isinstance(one, Exception)]
    assert sum(answers) == 53
    assert set(Counter(told(reminded)).values()) == {1}


def test_what_was_told_long_ago_is_forgotten(reminded):
    remind(reminded, at(DUE, 12))
    later = DUE + timedelta(days=100)
    reminded.set_customer("0949AQ", next_payment_date=later)
    remind(reminded, at(later, 12))
    assert {row.due_date for row in reminded.rows(reminders)} == {later}


# --- when the message goes out ----------------------------------------------------------------------------------


@pytest.fixture
def today(desk):
    """0949AQ is paid until today, and reminded at any hour."""
    decide(desk, "isp", 1, reminder_days="0", **ANY_HOUR)
    desk.set_customer("0949AQ", next_payment_date=desk.today())
    with desk.engine.connect() as connection:
        now = current_time(connection)
    remind(desk, now - timedelta(seconds=1))
    return now


@pytest.mark.usefixtures("today")
def test_a_reminder_goes_out_in_one_message(desk):
    dispatcher = Dispatcher(desk)
    dispatcher.carry_out()
    assert dispatcher.told() == {CUSTOMER_PHONE: ["customer_reminder"]}


@pytest.mark.usefixtures("today")
def test_who_has_paid_before_the_reminder_went_out_is_not_reminded(desk):
    desk.pay("A1", "0949AQ")
    dispatcher = Dispatcher(desk)
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected"]
    (task,) = desk.rows(tasks, trans_id="")
    assert (task.state, task.attempts) == ("expired", 0)


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    "change",
    [
        sa.update(pppoe_users).values(closed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        sa.update(isps).values(closed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        sa.update(pppoe_users).values(line_hold="paused"),
    ],
    ids=["closed", "ISP closed", "paused"],
)
def test_who_is_not_to_pay_any_more_when_the_reminder_goes_out_is_not_reminded(desk, change):
    desk.execute(change)
    dispatcher = Dispatcher(desk)
    dispatcher.carry_out()
    assert dispatcher.told() == {}


# --- any policy, any clock --------------------------------------------------------------------------------------

HOURS = st.integers(0, 23)
OFFSETS = st.frozensets(st.integers(-5, 5), max_size=4)
DECISIONS = st.fixed_dictionaries(
    {}, optional={"reminder_days": OFFSETS, "reminder_hour": HOURS, "quiet_from": HOURS, "quiet_until": HOURS}
)
# How long until somebody sweeps again: mostly soon, now and then after a standstill of days.
PAUSES = st.lists(st.sampled_from([0, 1, 3, 5, 7, 11, 26, 50]), min_size=5, max_size=40)
MOVES = st.dictionaries(st.integers(0, 39), st.tuples(st.sampled_from(["0949AQ", "77XY"]), st.integers(-3, 6)))
DEFAULTS = {"reminder_days": frozenset(), "reminder_hour": 9, "quiet_from": 21, "quiet_until": 7}


def is_allowed(policy, hour):
    since, until = policy["quiet_from"], policy["quiet_until"]
    quiet = {(since + n) % 24 for n in range((until - since) % 24)}
    return hour >= policy["reminder_hour"] and hour not in quiet


def write(desk, noun, noun_id, decision):
    values = {name: ",".join(map(str, sorted(one))) if isinstance(one, frozenset) else str(one)
              for name, one in decision.items()}  # fmt: skip
    if values:
        decide(desk, noun, noun_id, **values)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(of_isp=DECISIONS, of_customer=DECISIONS, pauses=PAUSES, moves=MOVES)
def test_whatever_was_decided_and_however_the_clock_goes_each_reminder_is_sent_once_or_never(
    desk, of_isp, of_customer, pauses, moves
):
    for table in (tasks, reminders, line_policies):
        desk.execute(sa.delete(table))
    due = {"0949AQ": DUE, "77XY": DUE}
    desk.execute(sa.update(pppoe_users).where(pppoe_users.c.account_name.not_in(due)).values(next_payment_date=None))
    desk.execute(sa.update(pppoe_users).values(phone=CUSTOMER_PHONE))
    for account, day in due.items():
        desk.set_customer(account, next_payment_date=day)
    for isp_id in (1, 2):
        write(desk, "isp", isp_id, of_isp)
    write(desk, "customer", desk.customer("77XY").id, of_customer)
    policies = {"0949AQ": DEFAULTS | of_isp, "77XY": DEFAULTS | of_isp | of_customer}
    expected = set()
    now = at(DUE - timedelta(days=6), 0, 30)
    for number, pause in enumerate(pauses):
        now += timedelta(hours=pause)
        if number in moves:
            account, days = moves[number]
            due[account] = now.date() + timedelta(days=days)
            desk.set_customer(account, next_payment_date=due[account])
        before = len(desk.rows(tasks))
        remind(desk, now)
        new = desk.rows(tasks)[before:]
        news = {
            (account, day, (now.date() - day).days)
            for account, day in due.items()
            if (now.date() - day).days in policies[account]["reminder_days"] and is_allowed(policies[account], now.hour)
        } - expected
        expected |= news
        assert len(new) == len(news)
        assert all(now < row.expire_time <= calendar.end_of(now.date()) for row in new)
    ids = {row.id: row.account_name for row in desk.rows(pppoe_users)}
    assert {(ids[row.customer_id], row.due_date, row.day_offset) for row in desk.rows(reminders)} >= {
        one for one in expected if one[1] > now.date() - timedelta(days=60)
    }
    assert len(desk.rows(tasks)) == len(expected)
