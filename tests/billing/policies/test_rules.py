"""When an unpaid line is cut, what a policy's fields may be, and whose counts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from billing import calendar
from billing.calendar import NAIROBI
from billing.policies import fields, rules
from billing.policies.rules import WEEKDAYS, LinePolicy, Off, OffWay, Source
from hypothesis import given
from hypothesis import strategies as st

DATES = st.dates(date(2020, 1, 1), date(2040, 12, 31))
DAYS_OF_A_YEAR = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: f"{day:%m-%d}")
WITHOUT_CUTS = st.tuples(
    st.frozensets(st.sampled_from(WEEKDAYS), max_size=6), st.frozensets(DAYS_OF_A_YEAR, max_size=30)
).map(lambda both: both[0] | both[1])
POLICIES = st.builds(
    LinePolicy,
    grace_days=st.integers(0, fields.MAX_GRACE_DAYS),
    cut_hour=st.integers(0, 23),
    days_without_cuts=WITHOUT_CUTS,
    off=st.just(Off()) | st.builds(Off, st.sampled_from([OffWay.PROFILE, OffWay.ADDRESS_LIST]), st.just("Unpaid-1")),
    part_payments=st.sampled_from(rules.PartPayments),
    overpayments=st.sampled_from(rules.Overpayments),
    reminder_days=st.frozensets(st.integers(-28, 28), max_size=6).map(lambda days: tuple(sorted(days))),
    reminder_hour=st.integers(0, 23),
    quiet_from=st.integers(0, 23),
    quiet_until=st.integers(0, 23),
    language=st.sampled_from(rules.Language),
)


@given(DATES, POLICIES)
def test_nobody_is_cut_while_paid_nor_within_grace_nor_on_a_day_without_cuts(due_date, policy):
    cut = rules.cut_time(due_date, policy)
    assert cut.tzinfo is UTC
    assert cut >= calendar.end_of(due_date + timedelta(days=policy.grace_days))
    in_nairobi = cut.astimezone(NAIROBI)
    assert (in_nairobi.hour, in_nairobi.minute, in_nairobi.second) == (policy.cut_hour, 0, 0)
    assert WEEKDAYS[in_nairobi.weekday()] not in policy.days_without_cuts
    assert f"{in_nairobi:%m-%d}" not in policy.days_without_cuts


@given(DATES, POLICIES)
def test_every_day_between_the_grace_and_the_cut_is_one_without_cuts(due_date, policy):
    day = due_date + timedelta(days=1 + policy.grace_days)
    while day < rules.cut_time(due_date, policy).astimezone(NAIROBI).date():
        assert rules.is_without_cuts(day, policy)
        day += timedelta(days=1)


@given(DATES, POLICIES, st.integers(0, 60), st.integers(0, 23))
def test_more_grace_or_a_later_hour_never_cuts_earlier(due_date, policy, more, hour):
    longer = replace(policy, grace_days=policy.grace_days + more)
    assert rules.cut_time(due_date, longer) >= rules.cut_time(due_date, policy)
    later = replace(policy, cut_hour=max(hour, policy.cut_hour))
    assert rules.cut_time(due_date, later) >= rules.cut_time(due_date, policy)
    assert rules.cut_time(due_date + timedelta(days=more), policy) >= rules.cut_time(due_date, policy)


@pytest.mark.parametrize(
    ("policy", "cut"),
    [
        (LinePolicy(), datetime(2026, 12, 23, 21, 0, tzinfo=UTC)),  # midnight in Nairobi, as it always was
        (LinePolicy(grace_days=1, cut_hour=8, days_without_cuts=frozenset({"12-25", "sat", "sun"})),
         datetime(2026, 12, 28, 5, 0, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_customer_paid_until_23_december_is_cut(policy, cut):
    assert rules.cut_time(date(2026, 12, 23), policy) == cut


def test_the_calendar_s_last_days_can_be_paid_for():
    most = LinePolicy(grace_days=60, cut_hour=23, days_without_cuts=frozenset({"mon", "tue", "wed", "thu", "fri"}))
    assert rules.cut_time(date.max, most).year == date.max.year


@given(POLICIES)
def test_what_is_written_is_read_as_it_was(policy):
    again = {name: fields.read(name, text) for name, text in fields.written(policy).items()}
    assert LinePolicy(**again) == policy


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("grace", "1", "grace: not a field of a policy; there are grace_days,"),
        ("grace_days", "61", "'61' is not a number from 0 to 60"),
        ("grace_days", "1.5", "not a number"),
        ("grace_days", "", "not a number"),
        ("cut_hour", "24", "from 0 to 23"),
        ("days_without_cuts", "sun,12-32", "'12-32' is neither a weekday (mon, "),
        ("days_without_cuts", "1-1", "neither"),
        ("days_without_cuts", "mon,tue,wed,thu,fri,sat,sun", "all seven weekdays"),
        ("days_without_cuts", ",".join(["12-25"] * 50), "longer than 255"),
        ("off", "profile", "profile needs the name of one"),
        ("off", "address_list:a b", "needs the name"),
        ("off", "disable:x", "takes no name"),
        ("off", "delete", "'delete' is not one of disable, profile, address_list"),
        ("part_payments", "months", "not one of wallet, credit"),
        ("overpayments", "month", "not one of wallet, months, credit"),
        ("reminder_days", "-29", "from -28 to 28"),
        ("reminder_days", "1,2,3,4,5,6,7", "more than 6"),
        ("language", "fr", "'fr' is not one of en, sw"),
    ],
)
def test_what_cannot_be_is_refused_in_words_that_begin_with_the_field(name, text, said):
    with pytest.raises(ValueError, match=f"^{name}: ") as refused:
        fields.read(name, text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("days_without_cuts", " Sun, 12-25,sat ", frozenset({"sat", "sun", "12-25"})),
        ("days_without_cuts", "none", frozenset()),
        ("days_without_cuts", "02-29", frozenset({"02-29"})),
        ("reminder_days", "1,-3,0,1", (-3, 0, 1)),
        ("off", "Profile:Expired_1M", Off(OffWay.PROFILE, "Expired_1M")),
        ("language", "SW", rules.Language.KISWAHILI),
    ],
)
def test_people_may_write_as_they_like(name, text, value):
    assert fields.read(name, text) == value


def test_a_customer_s_own_field_counts_before_its_isp_s_and_that_before_the_default():
    of_isp, of_customer = {"grace_days": 3, "cut_hour": 8}, {"grace_days": 0}
    assert rules.effective(of_isp, of_customer) == LinePolicy(grace_days=0, cut_hour=8)
    found = rules.sources(of_isp, of_customer)
    assert (found["grace_days"], found["cut_hour"], found["off"]) == (Source.CUSTOMER, Source.ISP, Source.DEFAULT)
    assert found.keys() == fields.READERS.keys()


@pytest.mark.parametrize(
    ("since", "until", "quiet"),
    [(21, 7, {21, 22, 23, 0, 1, 2, 3, 4, 5, 6}), (12, 14, {12, 13}), (9, 9, set()), (0, 23, set(range(23)))],
)
def test_quiet_hours_may_go_past_midnight(since, until, quiet):
    policy = LinePolicy(quiet_from=since, quiet_until=until)
    assert {hour for hour in range(24) if rules.is_quiet(hour, policy)} == quiet


def test_reminders_cannot_be_wanted_in_quiet_hours_only():
    assert list(rules.contradictions(LinePolicy(reminder_days=(0,), reminder_hour=22)))
    assert not list(rules.contradictions(LinePolicy(reminder_hour=22)))
    assert not list(rules.contradictions(LinePolicy(reminder_days=(0,))))
