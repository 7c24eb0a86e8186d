from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.messages.rules import MessageState
from notify.providers.provider import Outcome, OutcomeKind
from notify.sending.rules import Attempt, after_attempt, after_expiry

dice = st.floats(0, 1)
attempts = st.integers(1, 10_000)


@given(st.builds(Attempt, attempts, st.integers(0, 2), st.booleans()), dice)
def test_success_and_refusal_end_a_message(attempt, dice):
    assert after_attempt(Outcome(OutcomeKind.SENT), attempt, dice).state is MessageState.SENT
    assert after_attempt(Outcome(OutcomeKind.REFUSED), attempt, dice).state is MessageState.FAILED


@given(st.builds(Attempt, attempts, st.integers(0, 2), st.booleans()), dice)
def test_a_doubt_is_repeated_once_at_most_and_only_where_it_may(attempt, dice):
    again = after_attempt(Outcome(OutcomeKind.UNKNOWN), attempt, dice).state is MessageState.QUEUED
    assert again == (attempt.resend and attempt.doubts == 0)


@pytest.mark.parametrize(
    ("kind", "shortest", "longest"),
    [
        (OutcomeKind.UNREACHABLE, timedelta(seconds=1), timedelta(seconds=90)),
        (OutcomeKind.BUSY, timedelta(seconds=10), timedelta(minutes=7.5)),
        (OutcomeKind.LATER, timedelta(minutes=5), timedelta(minutes=15)),
        (OutcomeKind.ACCOUNT_REFUSED, timedelta(minutes=5), timedelta(minutes=15)),
    ],
)
@given(attempts=attempts, dice=dice)
def test_a_clear_refusal_for_now_waits_within_its_bounds(kind, shortest, longest, attempts, dice):
    step = after_attempt(Outcome(kind), Attempt(attempts, 0, False), dice)
    assert step.state is MessageState.QUEUED
    assert shortest <= step.delay <= longest


@given(attempts, dice)
def test_waits_grow_and_are_spread(attempts, dice):
    def delay(n, dice):
        return after_attempt(Outcome(OutcomeKind.BUSY), Attempt(n, 0, False), dice).delay

    assert delay(attempts, dice) <= delay(attempts + 1, dice)
    assert delay(attempts, 0) < delay(attempts, 1)


def test_a_message_that_may_have_been_sent_is_not_called_expired():
    assert (after_expiry(0), after_expiry(1)) == (MessageState.EXPIRED, MessageState.UNKNOWN)
