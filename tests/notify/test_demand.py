"""When a claim is worth it. Where something must not be waited for, the wait is made so long that it would show."""

import threading
import time

import pytest
from notify import demand
from notify.demand import Demand
from notify.sending import CALL_SIZE

LONG = 60.0
SHORT = 0.2


@pytest.fixture
def make_demand(monkeypatch):
    """Makes one that has just been asked, as under load, with room for all of its eight calls."""

    def make(*, gathering, poll, stopping=None):
        monkeypatch.setattr(demand, "GATHERING_SECONDS", gathering)
        monkeypatch.setattr(demand, "POLL_SECONDS", poll)
        made = Demand(8, stopping or threading.Event())
        assert made.room() == 8
        return made

    return make


def waited(demand):
    """For how many calls there was room, and how long the answer took."""
    began = time.monotonic()
    return demand.room(), time.monotonic() - began


def test_under_load_a_few_messages_wait_for_others_to_share_a_call(make_demand):
    began = time.monotonic()
    demand = make_demand(gathering=SHORT, poll=LONG)
    demand.accepted(4 * CALL_SIZE - 1)
    assert demand.room() == 8
    assert SHORT <= time.monotonic() - began < LONG


def test_what_fills_half_of_the_calls_does_not_wait(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG)
    demand.accepted(4 * CALL_SIZE - 1)
    demand.accepted(1)
    room, seconds = waited(demand)
    assert (room, seconds < LONG) == (8, True)


def test_after_a_rest_a_lone_message_is_claimed_at_once(make_demand):
    demand = make_demand(gathering=SHORT, poll=LONG)
    threading.Timer(2 * SHORT, demand.accepted, [1]).start()
    room, seconds = waited(demand)
    assert (room, seconds < LONG) == (8, True)


def test_the_room_of_the_first_call_that_ends_waits_for_the_others(make_demand):
    began = time.monotonic()
    demand = make_demand(gathering=SHORT, poll=LONG)
    demand.claimed(8, more=True)
    demand.call_ended()
    assert demand.room() == 1
    assert SHORT <= time.monotonic() - began < LONG


def test_half_of_the_room_is_used_at_once_when_there_is_more_to_send(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG)
    demand.claimed(8, more=True)
    for _ in range(4):
        demand.call_ended()
    room, seconds = waited(demand)
    assert (room, seconds < LONG) == (4, True)


def test_without_room_nothing_is_claimed(make_demand):
    demand = make_demand(gathering=SHORT, poll=SHORT)
    demand.claimed(8, more=True)
    assert demand.room() == 0
    demand.call_ended()
    assert demand.room() == 1


def test_what_other_processes_accepted_is_looked_for_all_the_same(make_demand):
    demand = make_demand(gathering=SHORT, poll=SHORT)
    assert 8 in {demand.room(), demand.room()}  # its patience and the time to look may end in either order


def test_a_stop_ends_the_wait(make_demand):
    stopping = threading.Event()
    demand = make_demand(gathering=LONG, poll=LONG, stopping=stopping)
    threading.Timer(SHORT, lambda: (stopping.set(), demand.stop())).start()
    room, seconds = waited(demand)
    assert (room, seconds < LONG) == (0, True)
