"""When a claim is worth it, and when none is needed. Where something must not be waited for, the wait is made so long
that it would show.
"""

import threading
import time

import pytest
from notify.sending import demand
from notify.sending.demand import Demand
from notify.sending.service import CALL_SIZE

LONG = 60.0
SHORT = 0.2


@pytest.fixture
def make_demand(monkeypatch):
    """Makes one that has just been asked, as under load, with room for its eight calls but those `under_way`."""

    def make(*, gathering, poll, patience=LONG, under_way=0, stopping=None):
        monkeypatch.setattr(demand, "GATHERING_SECONDS", gathering)
        monkeypatch.setattr(demand, "POLL_SECONDS", poll)
        monkeypatch.setattr(demand, "PATIENCE_SECONDS", patience)
        made = Demand(8, stopping or threading.Event())
        assert made.room() == 8
        made.give_back(8 - under_way)
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
    demand = make_demand(gathering=SHORT, poll=LONG, under_way=8)
    demand.claimed(more=True)
    demand.give_back(1)
    assert demand.room() == 1
    assert SHORT <= time.monotonic() - began < LONG


def test_half_of_the_room_is_used_at_once_when_there_is_more_to_send(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG, under_way=8)
    demand.claimed(more=True)
    for _ in range(4):
        demand.give_back(1)
    room, seconds = waited(demand)
    assert (room, seconds < LONG) == (4, True)


def test_without_room_nothing_is_claimed(make_demand):
    demand = make_demand(gathering=SHORT, poll=SHORT, under_way=8)
    demand.claimed(more=True)
    assert demand.room() == 0
    demand.give_back(1)
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


def test_many_new_messages_need_no_claim_while_there_is_room_and_what_they_take_is_not_claimed_for(make_demand):
    demand = make_demand(gathering=SHORT, poll=SHORT)
    assert demand.take(6) == 6
    assert demand.take(2) == 2
    demand.accepted(1)
    assert demand.room() == 0
    demand.give_back(3)
    assert demand.room() == 3


def test_many_new_messages_wait_a_moment_for_half_of_the_calls_to_end(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG, under_way=8)
    threading.Timer(SHORT, demand.give_back, [5]).start()
    assert demand.take(50) == 5


def test_a_provider_that_answers_nothing_does_not_hold_up_new_messages_for_long(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG, patience=SHORT, under_way=8)
    assert demand.take(50) == 0
    began = time.monotonic()
    demand = make_demand(gathering=LONG, poll=LONG, patience=LONG, under_way=8)
    demand.accepted(1000)
    assert demand.take(50) == 0  # not even a moment once others wait
    assert time.monotonic() - began < LONG


def test_new_messages_do_not_overtake_those_that_wait(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG)
    demand.accepted(4 * CALL_SIZE)
    assert demand.take(8) == 0
    assert demand.room() == 8


def test_under_load_a_lone_message_waits_for_others_although_there_is_room(make_demand):
    demand = make_demand(gathering=LONG, poll=LONG)
    assert demand.take(1) == 0
    assert demand.take(2) == 2


def test_after_a_rest_a_lone_message_needs_no_claim(make_demand):
    demand = make_demand(gathering=SHORT, poll=LONG)
    time.sleep(2 * SHORT)
    assert demand.take(1) == 1


def test_a_stop_lets_new_messages_wait_for_the_next_process(make_demand):
    stopping = threading.Event()
    demand = make_demand(gathering=LONG, poll=LONG, under_way=8, stopping=stopping)
    threading.Timer(SHORT, lambda: (stopping.set(), demand.stop())).start()
    assert demand.take(50) == 0
