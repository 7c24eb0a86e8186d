"""Messages that are claimed as they are stored, because a call can begin at once."""

from datetime import UTC, datetime, timedelta

import pytest
from notify.messages import service as messages
from notify.messages.rules import Draft
from notify.providers.provider import Outcome, Verdict
from notify.sending.rules import State
from notify.sending.service import EndedCall, never_called
from servicekit.database import transact
from servicekit.errors import DatabaseUnavailable

from tests.notify.rounds import PHONE, ScriptedProvider, accept, sender, states


class Room:
    """An outbox with room for some messages; remembers what it was told."""

    claim = timedelta(seconds=42)

    def __init__(self, *room):
        self.room = list(room)
        self.begun = []
        self.doubtful = []
        self.waiting = 0

    def take(self, most):
        return min(most, self.room.pop(0)) if self.room else 0

    def begin(self, claimed, taken):
        self.begun.append(([message.message_id for message in claimed], taken))
        self.claimed = claimed

    def unsure(self, claimed):
        self.doubtful += claimed

    def queued(self, number):
        self.waiting += number


def drafts(*message_ids, **changes):
    return [Draft(m, PHONE, **({"text": "hello"} | changes)) for m in message_ids]


def test_what_has_room_is_sending_from_the_beginning_and_its_outcome_counts(engine):
    room = Room(20)
    (receipt,) = messages.accept(engine, room, drafts("m1"))
    assert (receipt.state, room.begun, room.waiting) == (State.SENDING, [(["m1"], 1)], 0)
    row = messages.get(engine, "m1")
    assert (row.state, row.attempts, row.fencing_token, row.due_time - row.create_time) == (
        State.SENDING,
        1,
        1,
        room.claim,
    )
    rounds = sender(engine, ScriptedProvider())
    assert not rounds.send_due()  # nobody else may claim it
    rounds.sending.record([EndedCall(room.claimed, [Outcome(Verdict.SENT, provider_message_id="77")])])
    row = messages.get(engine, "m1")
    assert (row.state, row.provider_message_id, row.attempts) == (State.SENT, "77", 1)


def test_a_batch_goes_in_lots_as_room_comes_and_the_rest_waits_for_a_claim(engine):
    room = Room(2, 1)
    receipts = messages.accept(engine, room, drafts("a", "b", "c", "d", "e"))
    assert room.begun == [(["a", "b"], 2), (["c"], 1), ([], 0)]
    assert room.waiting == 2
    assert [receipt.state for receipt in receipts] == [State.SENDING] * 3 + [State.QUEUED] * 2


def test_what_is_held_already_unusable_or_too_late_needs_no_call(engine):
    accept(engine, "held")
    room = Room(20)
    late = datetime(2026, 1, 1, tzinfo=UTC)
    batch = drafts("held", "new") + drafts("late", expire_time=late) + [Draft("bad", "1", text="x")]
    receipts = messages.accept(engine, room, batch)
    assert room.begun == [(["new"], 4)]
    assert [receipt.state for receipt in receipts] == [State.QUEUED, State.SENDING, State.QUEUED, State.FAILED]
    assert room.waiting == 1
    sender(engine, ScriptedProvider(Outcome(Verdict.SENT))).send_due()
    assert states(engine)["late"] == State.EXPIRED


def test_room_is_given_back_when_nothing_could_be_stored(engine, monkeypatch):
    def fail(*_):
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(messages, "transact", fail)
    room = Room(20)
    with pytest.raises(DatabaseUnavailable):
        messages.accept(engine, room, drafts("m1"))
    assert (room.begun, room.doubtful) == ([([], 1)], [])


def test_a_commit_that_counted_without_an_answer_leaves_no_message_without_a_call(engine, monkeypatch):
    """The caller is told to send it again; then it is held already, and nobody would begin a call for it."""

    def commit_and_hear_nothing(engine, work):
        transact(engine, work)
        raise DatabaseUnavailable("the answer was lost")

    room = Room(20)
    monkeypatch.setattr(messages, "transact", commit_and_hear_nothing)
    with pytest.raises(DatabaseUnavailable):
        messages.accept(engine, room, drafts("m1"))
    monkeypatch.undo()
    assert states(engine) == {"m1": State.SENDING}
    rounds = sender(engine, ScriptedProvider())
    rounds.sending.record([never_called(room.doubtful)])
    row = messages.get(engine, "m1")
    assert (row.state, row.due_time - row.update_time) == (State.QUEUED, timedelta(seconds=1))


def test_a_run_after_a_lost_commit_finds_its_own_messages(engine, monkeypatch):
    def run_twice(engine, work):
        transact(engine, work)
        return transact(engine, work)

    monkeypatch.setattr(messages, "transact", run_twice)
    room = Room(20)
    (receipt,) = messages.accept(engine, room, drafts("m1"))
    assert (receipt.repeated, room.begun) == (True, [([], 1)])
    assert [message.message_id for message in room.doubtful] == ["m1"]
