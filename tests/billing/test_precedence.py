"""When payments come in faster than one by one."""

import pytest
from billing.precedence import MANY, MOMENT, Precedence

from tests.billing.serving import payment


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_batch_of_many_is_a_burst_until_a_moment_after_it_has_ended(clock):
    precedence = Precedence(clock)
    with precedence.recording(MANY):
        clock.now += 60
        assert precedence.is_busy
    clock.now += MOMENT * 0.9
    assert precedence.is_busy
    clock.now += MOMENT * 0.2
    assert not precedence.is_busy


def test_batches_of_few_are_none(clock):
    precedence = Precedence(clock)
    for _ in range(100):
        with precedence.recording(MANY - 1):
            assert not precedence.is_busy
    assert not precedence.is_busy


def test_whoever_leases_tasks_is_told(client):
    assert not client.lease().busy
    client.record(*(payment(f"MANY{number}") for number in range(MANY)))
    assert client.lease().busy
