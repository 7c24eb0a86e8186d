"""How long a router is left alone after it failed."""

from dataclasses import replace

import pytest
from router_control.routeros.connection import Login, Target
from router_control.routeros.errors import LoginRefused, TimedOut, Unreachable
from router_control.routeros.workers import RouterBackoff

TARGET = Target("10.0.0.1", 8728, tls=False, verify_certificate=False, login=Login("api", "p"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backoff(clock):
    return RouterBackoff(clock)


def seconds_until_closed(backoff, clock):
    waited = 0.0
    while backoff.refusal(TARGET):
        clock.now += 0.125
        waited += 0.125
    return waited


def test_a_router_that_never_failed_is_tried(backoff):
    assert backoff.refusal(TARGET) is None


def test_the_wait_for_a_silent_router_grows_with_each_failure_and_stays_below_about_fifteen_seconds(backoff, clock):
    waits = waits_after(backoff, clock, failures=40, took=15.0)
    assert waits[0] <= 1.125
    assert all(7.5 <= wait <= 15.125 for wait in waits[4:])
    assert len(set(waits[4:])) > 5  # jittered


@pytest.mark.parametrize(("took", "longest"), [(0.0, 1.0), (0.1, 1.0), (1.0, 3.0), (3.0, 9.0), (100.0, 15.0)])
def test_the_less_an_attempt_costs_the_sooner_is_the_next(backoff, clock, took, longest):
    waits = waits_after(backoff, clock, failures=40, took=took)
    assert all(longest / 2 <= wait <= longest + 0.125 for wait in waits[4:])


def waits_after(backoff, clock, failures, took):
    waits = []
    for _ in range(failures):
        backoff.failed(TARGET, Unreachable("down"), took)
        waits.append(seconds_until_closed(backoff, clock))
    return waits


def test_while_it_is_open_a_silent_router_counts_as_unreachable_and_says_why(backoff):
    backoff.failed(TARGET, TimedOut("no answer in time"), 15.0)
    refusal = backoff.refusal(TARGET)
    assert type(refusal) is Unreachable
    assert "no answer in time" in str(refusal)


def test_a_refused_login_is_not_tried_again_for_half_a_minute(backoff, clock):
    backoff.failed(TARGET, LoginRefused("invalid user name or password (6)"), 0.1)
    assert type(backoff.refusal(TARGET)) is LoginRefused
    assert seconds_until_closed(backoff, clock) == pytest.approx(30, abs=0.2)


def test_a_success_or_a_change_of_the_registration_forgets_everything(backoff, clock):
    for _ in range(9):
        backoff.failed(TARGET, Unreachable("down"), 15.0)
    backoff.succeeded()
    assert backoff.refusal(TARGET) is None
    backoff.failed(TARGET, Unreachable("down"), 15.0)
    assert seconds_until_closed(backoff, clock) <= 1.125


def test_another_password_or_address_is_tried_at_once(backoff):
    backoff.failed(TARGET, LoginRefused("no"), 0.1)
    assert backoff.refusal(replace(TARGET, login=Login("api", "q"))) is None
    assert backoff.refusal(replace(TARGET, host="10.0.0.2")) is None
