"""A message under way, and its outcome: late, in doubt, or while the database is away."""

import threading
from datetime import UTC, datetime

import pytest
from notify.messages import service
from notify.messages.rules import MessageState
from notify.providers.provider import Outcome, OutcomeKind
from notify.sending.service import CALL_SIZE, EndedCall, Sending, calls_of

from tests.notify.rounds import Rounds, ScriptedProvider, accept, make_due, sender, set_times, states


def test_a_message_is_durably_sending_while_the_provider_is_called(engine):
    accept(engine, "m1")
    seen = []
    provider = ScriptedProvider(Outcome(OutcomeKind.SENT), during=lambda: seen.append(states(engine)))
    sender(engine, provider).send_due()
    assert seen == [{"m1": MessageState.SENDING}]


def test_a_late_success_is_believed_after_the_claim_was_given_up(engine):
    """The sender stalls beyond its claim; another one settles the messages; then the answer comes."""
    accept(engine, "plain")
    accept(engine, "told", template="customer_connected")

    def stall():
        make_due(engine)
        assert sender(engine, ScriptedProvider(Outcome(OutcomeKind.REFUSED))).send_due()
        assert states(engine) == {"plain": MessageState.UNKNOWN, "told": MessageState.QUEUED}

    sender(engine, ScriptedProvider(Outcome(OutcomeKind.SENT), during=stall)).send_due()
    assert states(engine) == {"plain": MessageState.SENT, "told": MessageState.SENT}


@pytest.mark.parametrize("late", [OutcomeKind.UNKNOWN, OutcomeKind.REFUSED, OutcomeKind.BUSY])
def test_a_late_outcome_does_not_disturb_a_message_that_was_claimed_again(engine, late):
    accept(engine, "told", template="customer_connected")

    def stall():
        other = sender(engine, ScriptedProvider(Outcome(OutcomeKind.SENT)))
        for _ in ("settle", "send again"):
            make_due(engine)
            other.send_due()
        assert states(engine) == {"told": MessageState.SENT}

    sender(engine, ScriptedProvider(Outcome(late), during=stall)).send_due()
    assert states(engine) == {"told": MessageState.SENT}


def test_a_late_doubt_does_not_revive_a_message_that_has_ended(engine):
    accept(engine, "told", template="customer_connected")

    def stall():
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        for times in ({}, {"expire_time": long_ago}):
            set_times(engine, due_time=long_ago, **times)
            sender(engine, ScriptedProvider()).send_due()
        assert states(engine) == {"told": MessageState.UNKNOWN}

    sender(engine, ScriptedProvider(Outcome(OutcomeKind.UNKNOWN), during=stall)).send_due()
    assert states(engine) == {"told": MessageState.UNKNOWN}


def test_a_fault_of_ours_in_the_call_loses_no_message(engine):
    accept(engine, "m1")
    sender(engine, ScriptedProvider(RuntimeError("a bug"))).send_due()
    assert states(engine) == {"m1": MessageState.UNKNOWN}


def test_an_outcome_that_cannot_be_written_down_does_not_take_its_neighbours_with_it(engine):
    accept(engine, "poisoned")
    sending = Sending(engine, ScriptedProvider(Outcome(OutcomeKind.SENT), Outcome(OutcomeKind.SENT)), threading.Event())
    (poisoned,) = calls_of(sending.claim(CALL_SIZE).messages)
    accept(engine, "sound")
    (sound,) = calls_of(sending.claim(CALL_SIZE).messages)
    without_outcome = EndedCall(poisoned, [])
    sending.record([without_outcome, sending.call(sound)])
    assert states(engine) == {"poisoned": MessageState.SENDING, "sound": MessageState.SENT}


def test_outcomes_of_all_kinds_are_recorded_together(engine):
    ids = [f"m{n}" for n in range(6)]
    accept(engine, *ids)
    kinds = [
        OutcomeKind.SENT,
        OutcomeKind.REFUSED,
        OutcomeKind.UNKNOWN,
        OutcomeKind.BUSY,
        OutcomeKind.SENT,
        OutcomeKind.REFUSED,
    ]
    sending = Sending(engine, ScriptedProvider(), threading.Event())
    claimed = sending.claim(CALL_SIZE).messages
    outcomes = [Outcome(kind, kind.lower(), f"their {n}") for n, kind in enumerate(kinds)]
    calls = [EndedCall(claimed[:2], outcomes[:2]), EndedCall(claimed[2:], outcomes[2:])]
    sending.record(calls)
    rows = [service.get(engine, m) for m in ids]
    assert [row.state for row in rows] == ["SENT", "FAILED", "UNKNOWN", "QUEUED", "SENT", "FAILED"]
    assert [(row.detail, row.provider_message_id) for row in rows] == [
        (o.detail, o.provider_message_id) for o in outcomes
    ]
    assert [row.doubts for row in rows] == [0, 0, 1, 0, 0, 0]


def test_an_outcome_waits_in_memory_while_the_database_is_away(sqlite_engine):
    def rename(before, after):
        with sqlite_engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")

    class DatabaseReturns(threading.Event):
        """The pause between two tries, in which the table comes back."""

        def wait(self, timeout=None):
            rename("away", "messages")
            return False

    accept(sqlite_engine, "m1")
    provider = ScriptedProvider(Outcome(OutcomeKind.SENT), during=lambda: rename("messages", "away"))
    Rounds(Sending(sqlite_engine, provider, DatabaseReturns())).send_due()
    assert states(sqlite_engine) == {"m1": MessageState.SENT}
    assert len(provider.sent) == 1
