"""What counts as a rush of payments."""

import pytest
from gateway.rush import Rush


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def under_way():
    """What is just being taken in."""
    return ["a batch"]


@pytest.fixture
def rush(clock, under_way):
    return Rush(lambda: bool(under_way), clock)


def come_in(rush, clock, per_second, seconds):
    """Whether it is a rush after so many came in evenly, ten times a second."""
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        rush.joined_by(per_second // 10)
    return rush.is_on


def test_what_can_be_carried_out_meanwhile_is_no_rush(rush, clock):
    assert not come_in(rush, clock, per_second=400, seconds=60)


def test_a_stall_that_lets_some_pile_up_is_no_rush(rush):
    rush.joined_by(50)
    assert not rush.is_on


def test_more_than_that_is_one_within_a_second(rush, clock):
    assert come_in(rush, clock, per_second=600, seconds=1)


def test_a_rush_ends_soon_however_long_it_was(rush, clock):
    assert come_in(rush, clock, per_second=4000, seconds=60)
    clock.now += 0.26
    assert not rush.is_on


def test_a_slow_batch_does_not_end_a_rush_but_a_moment_with_nothing_under_way_does(rush, clock, under_way):
    assert come_in(rush, clock, per_second=4000, seconds=1)
    clock.now += 0.2
    assert rush.is_on
    rush.joined_by(100)
    under_way.clear()
    clock.now += 0.02
    assert rush.is_on
    clock.now += 0.02
    assert not rush.is_on
