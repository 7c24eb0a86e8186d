"""The thread that sends, against providers that hang and answer on a test's word."""

import threading
import time
from contextlib import contextmanager

import pytest
from notify.messages import service
from notify.messages.rules import MessageState
from notify.providers.provider import Outcome, OutcomeKind
from notify.sending import sender as sender_module
from notify.sending.sender import Sender
from notify.sending.service import CALL_SIZE, Sending

from tests.notify.rounds import accept, states


class HeldProvider:
    """Keeps every call until `answer` is set; `deadline` in seconds."""

    name = "held"

    def __init__(self, deadline=60.0):
        self.deadline = deadline
        self.answer = threading.Event()
        self.batches = []

    def send(self, batch):
        self.batches.append([sms.text for sms in batch])
        self.answer.wait()
        return [Outcome(OutcomeKind.SENT)] * len(batch)


@contextmanager
def running(engine, provider, calls_at_once=2):
    stopping = threading.Event()
    sender = Sender(Sending(engine, provider, stopping), stopping, calls_at_once=calls_at_once)
    sender.start()
    try:
        yield sender
    finally:
        provider.answer.set()
        sender.stop(30)


def in_state(engine, state):
    return sorted(message_id for message_id, one in states(engine).items() if one == state)


def test_no_more_is_marked_sending_than_the_calls_hold_and_the_rest_follows_when_they_end(engine, until):
    provider = HeldProvider()
    ids = [f"m{n:02}" for n in range(2 * CALL_SIZE + 5)]
    accept(engine, *ids)
    with running(engine, provider):
        until(lambda: len(provider.batches) == 2)
        assert len(in_state(engine, MessageState.SENDING)) == 2 * CALL_SIZE
        provider.answer.set()
        until(lambda: in_state(engine, MessageState.SENT) == ids)
    assert [len(batch) for batch in provider.batches] == [CALL_SIZE, CALL_SIZE, 5]


def test_a_call_that_never_ends_is_given_up_and_its_place_is_free_again(engine, until, monkeypatch):
    provider = HeldProvider(deadline=0.2)
    with running(engine, provider, calls_at_once=1) as sender:
        accept(engine, "hangs")
        sender.wake()
        until(lambda: states(engine) == {"hangs": MessageState.UNKNOWN})
        assert service.get(engine, "hangs").detail == "no answer in time"
        accept(engine, "next")
        sender.wake()
        until(lambda: len(provider.batches) == 2)
        provider.answer.set()
        # What the first call came to counts after all, for it is certain.
        until(lambda: states(engine) == dict.fromkeys(["hangs", "next"], MessageState.SENT))


def test_a_stop_waits_for_calls_that_are_under_way_and_claims_nothing_more(sqlite_engine, until):
    provider = HeldProvider()
    accept(sqlite_engine, "under way")
    with running(sqlite_engine, provider, calls_at_once=1) as sender:
        until(lambda: provider.batches)
        accept(sqlite_engine, "later")
        began = time.monotonic()
        threading.Timer(0.5, provider.answer.set).start()
        sender.stop(30)
        assert time.monotonic() - began < 30
    assert states(sqlite_engine) == {"under way": MessageState.SENT, "later": MessageState.QUEUED}


@pytest.mark.parametrize("fault", ["claim", "settle_abandoned"])
def test_a_fault_in_a_round_does_not_end_the_thread(sqlite_engine, until, monkeypatch, fault):
    provider = HeldProvider()
    provider.answer.set()
    real, failed = getattr(Sending, fault), []

    def fail_once(self, *arguments):
        if not failed:
            failed.append(True)
            raise RuntimeError("a bug")
        return real(self, *arguments)

    monkeypatch.setattr(Sending, fault, fail_once)
    accept(sqlite_engine, "m1")
    with running(sqlite_engine, provider):
        until(lambda: states(sqlite_engine) == {"m1": MessageState.SENT})
    assert failed


def test_as_long_as_many_wait_no_round_waits_for_the_pause(sqlite_engine, until, monkeypatch):
    monkeypatch.setattr(sender_module, "ROUND_SECONDS", 3600)
    provider = HeldProvider()
    provider.answer.set()
    accept(sqlite_engine, *(f"m{n}" for n in range(5 * CALL_SIZE)))
    with running(sqlite_engine, provider):
        until(lambda: sum(map(len, provider.batches)) == 5 * CALL_SIZE)
