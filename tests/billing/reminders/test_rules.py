"""When people may be told."""

from datetime import UTC, date, datetime, timedelta

from billing.calendar import NAIROBI
from billing.policies.rules import is_quiet
from billing.reminders import rules
from hypothesis import given
from hypothesis import strategies as st

from tests.billing.policies.test_rules import POLICIES

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(POLICIES, MOMENTS)
def test_the_first_decent_time_is_now_or_the_end_of_the_quiet_hours(policy, now):
    found = rules.first_decent_time(policy, now)
    assert not is_quiet(found.astimezone(NAIROBI).hour, policy)
    assert now <= found < now + timedelta(days=1)
    moment = now
    while moment < found:
        assert is_quiet(moment.astimezone(NAIROBI).hour, policy)
        moment += timedelta(minutes=30)


@given(POLICIES, MOMENTS)
def test_who_is_to_be_reminded_now_is_so_at_a_decent_hour_and_until_it_is_quiet(policy, now):
    if not rules.due_dates(policy, now):
        return
    end = rules.expire_time(policy, now)
    assert now < end
    assert date(2020, 1, 1) < end.astimezone(NAIROBI).date()
    moment = now
    while moment < end:
        local = moment.astimezone(NAIROBI)
        assert not is_quiet(local.hour, policy)
        assert local.date() == now.astimezone(NAIROBI).date()
        moment += timedelta(minutes=30)
