"""How long a router is left alone after it failed."""

from dataclasses import replace

import pytest
from router_control.routeros.connection import Login, Target
from router_control.routeros.errors import LoginRefused, TimedOut, Unreachable
from router_control.routeros.throttle import Throttle

TARGET = Target("10.0.0.1", 8728, tls=False, verify_certificate=False, login=Login("api", "p"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


def seconds_left_alone(throttle, clock):
    waited = 0.0
    while throttle.refusal(TARGET):
        clock.now += 0.125
        waited += 0.125
    return waited


def test_a_router_that_never_failed_is_tried(throttle):
    assert throttle.refusal(TARGET) is None


def test_a_router_is_left_alone_for_a_second_however_often_it_failed(throttle, clock):
    for _ in range(40):
        throttle.failed(TARGET, TimedOut("no answer in time"))
        assert seconds_left_alone(throttle, clock) == 1


def test_for_a_quarter_of_a_minute_it_is_doubtful_whether_it_is_back(throttle, clock):
    failure = TimedOut("no answer in time")
    throttle.failed(TARGET, failure)
    clock.now += 14.9
    assert (throttle.refusal(TARGET), throttle.doubt(TARGET)) == (None, failure)
    assert throttle.doubt(replace(TARGET, host="10.0.0.2")) is None
    clock.now += 0.2
    assert throttle.doubt(TARGET) is None


def test_meanwhile_a_silent_router_counts_as_unreachable_and_says_why(throttle):
    throttle.failed(TARGET, TimedOut("no answer in time"))
    refusal = throttle.refusal(TARGET)
    assert type(refusal) is Unreachable
    assert "no answer in time" in str(refusal)


def test_a_refused_login_is_not_tried_again_for_half_a_minute(throttle, clock):
    throttle.failed(TARGET, LoginRefused("invalid user name or password (6)"))
    assert type(throttle.refusal(TARGET)) is LoginRefused
    assert seconds_left_alone(throttle, clock) == 30


def test_a_success_or_a_change_of_the_registration_lets_the_next_call_through(throttle):
    throttle.failed(TARGET, Unreachable("down"))
    throttle.clear()
    assert throttle.refusal(TARGET) is None


def test_another_password_or_address_is_tried_at_once(throttle):
    throttle.failed(TARGET, LoginRefused("no"))
    assert throttle.refusal(replace(TARGET, login=Login("api", "q"))) is None
    assert throttle.refusal(replace(TARGET, host="10.0.0.2")) is None
