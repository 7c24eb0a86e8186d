"""Sending step by step, against a provider that answers by script."""

import threading
from datetime import UTC, datetime

import sqlalchemy as sa
from notify.messages import service
from notify.messages.rules import Draft
from notify.schema import messages as table
from notify.sending.service import CALL_SIZE, Sending, calls_of

PHONE = "254712345678"
FACTS = {"trans_id": "T1", "due_date": "23 Dec 2026", "amount": "1.00", "package": "2.00", "missing": "1.00"}


def no_wake():
    """For messages that wait until the test sends them."""


class ScriptedProvider:
    """Answers with the next outcome of a script; `during` runs while the call is in flight."""

    name = "scripted"
    deadline = 1.0

    def __init__(self, *script, during=lambda: None):
        self.script = list(script)
        self.during = during
        self.sent = []

    def send(self, batch):
        self.sent += [sms.text for sms in batch]
        self.during()
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome] * len(batch)


def accept(engine, *message_ids, template="", **changes):
    given = {"template": template, "facts": FACTS} if template else {"text": "hello"}
    service.accept(engine, no_wake, [Draft(m, PHONE, **(given | changes)) for m in message_ids])


def set_times(engine, **times):
    with engine.begin() as connection:
        connection.execute(table.update().values(times))


def make_due(engine):
    """Let the waiting time of every message be over."""
    set_times(engine, due_time=datetime(2020, 1, 1, tzinfo=UTC))


class Rounds:
    """All steps of sending, one after the other: at most one call a round."""

    def __init__(self, sending):
        self.sending = sending

    def send_due(self):
        """Do one round; False when nothing was due."""
        settled = self.sending.settle_abandoned()
        claim = self.sending.claim(CALL_SIZE)
        for batch in calls_of(claim.messages):
            self.sending.record([self.sending.call(batch)])
        return bool(settled or len(claim))


def sender(engine, provider):
    return Rounds(Sending(engine, provider, threading.Event(), dice=lambda: 0.0))


def states(engine):
    with engine.connect() as connection:
        return dict(connection.execute(sa.select(table.c.message_id, table.c.state)).all())
