"""One round of sending: claim what is due, hand it over, record what came of it.

A message is claimed and marked SENDING in one transaction that is durable before the provider is called, so a crash
leaves a SENDING message whose claim runs out, never a QUEUED one that may have been sent. Any number of processes
and threads may do this at once.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from servicekit.database import current_time, transact
from servicekit.errors import DatabaseUnavailable

from notify import states, store, templates
from notify.provider import Outcome, Provider, Sms, Verdict
from notify.states import State

# TextSMS takes no more in one call.
BATCH = 20

log = structlog.get_logger()

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that are ours to send, those that expired unsent instead, and those whose sender died."""

    messages: Sequence[Row]
    expired: Sequence[Row]
    abandoned: Sequence[Row]


class Sending:
    """Sends due messages through a provider. `stopping`: set when the process ends, so that no wait outlasts it."""

    def __init__(
        self,
        engine: sa.Engine,
        provider: Provider,
        stopping: threading.Event,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._stopping = stopping
        self._dice = dice
        # A claim outlasts the call it is for; what is still SENDING then was left by a process that died.
        self._lease = 2 * provider.deadline + 2

    def send_due(self) -> bool:
        """Do one round; False when nothing was due."""
        claim = transact(self._engine, self._claim)
        for message in claim.abandoned:
            log.warning("message_outcome_unknown", message_id=message.message_id, detail="the sender died meanwhile")
        for message in claim.expired:
            log.warning("message_expired", message_id=message.message_id, last=message.detail)
        if claim.messages:
            self._record(claim.messages, self._call(claim.messages))
        return bool(claim.abandoned or claim.messages or claim.expired)

    def _claim(self, connection: sa.Connection) -> Claim:
        now = current_time(connection)
        abandoned = store.due(connection, State.SENDING, now, BATCH)
        died = Outcome(Verdict.UNKNOWN, "the process that was sending it died")
        due = store.due(connection, State.QUEUED, now, BATCH)
        claim = Claim(
            messages=[message for message in due if message.expire_time > now],
            expired=[message for message in due if message.expire_time <= now],
            abandoned=abandoned,
        )
        moves = [self._step(message, died, now) for message in abandoned]
        moves += [_expiry(message, now) for message in claim.expired]
        if moves:
            store.move(connection, moves)
        if claim.messages:
            until = now + timedelta(seconds=self._lease)
            store.claim(connection, [message.id for message in claim.messages], now, until)
        return claim

    def _call(self, messages: Sequence[Row]) -> list[Outcome]:
        batch = [Sms(reference=str(message.id), phone=message.phone, text=message.text) for message in messages]
        try:
            return self._provider.send(batch)
        except Exception:  # a fault of ours must neither lose a message nor stop the sender
            log.exception("provider_call_failed", messages=len(batch))
            return [Outcome(Verdict.UNKNOWN, "the call failed by a fault of ours")] * len(batch)

    def _record(self, messages: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes down; while the database is away, try until the claim has run out."""
        deadline = time.monotonic() + self._lease
        while True:
            try:
                ignored = transact(self._engine, lambda connection: self._move(connection, messages, outcomes))
            except DatabaseUnavailable as error:
                log.warning("outcomes_wait_for_database", detail=str(error))
                if time.monotonic() > deadline or self._stopping.wait(0.5):
                    log.exception("outcomes_not_recorded", message_ids=[m.message_id for m in messages])
                    return
            else:
                _tell(messages, outcomes, ignored)
                return

    def _move(self, connection: sa.Connection, messages: Sequence[Row], outcomes: Sequence[Outcome]) -> set[int]:
        """Move every message; answers the ids of those that someone else has dealt with since."""
        now = current_time(connection)
        steps = [self._step(_as_sending(row), outcome, now) for row, outcome in zip(messages, outcomes, strict=True)]
        return store.move(connection, steps)

    def _step(self, message: Any, outcome: Outcome, now: datetime) -> store.Move:
        unknown = outcome.verdict is Verdict.UNKNOWN
        attempt = states.Attempt(message.attempts, message.doubts, templates.may_resend(message.template))
        step = states.after_attempt(outcome, attempt, self._dice())
        values = {
            "state": step.state,
            "detail": outcome.detail[:500],
            "doubts": message.doubts + unknown,
            # Due at the latest when it expires, so that it is told then.
            "due_time": min(now + step.delay, max(message.expire_time, now)),
            "update_time": now,
        }
        # What is certain is worth knowing however late it comes; a doubt is only about an attempt that is still open.
        return store.Move(message.id, message.epoch, values, outcome.provider_message_id, only_sending=unknown)


def _expiry(message: Row, now: datetime) -> store.Move:
    end = {"state": states.after_expiry(message.doubts), "update_time": now}
    return store.Move(message.id, message.epoch, end, message.provider_message_id)


@dataclass(frozen=True, slots=True)
class _Attempted:
    """A message as it stands in the database since it was claimed."""

    id: int
    epoch: int
    attempts: int
    doubts: int
    template: str
    expire_time: datetime


def _as_sending(row: Row) -> _Attempted:
    return _Attempted(row.id, row.epoch + 1, row.attempts + 1, row.doubts, row.template, row.expire_time)


def _tell(messages: Sequence[Row], outcomes: Sequence[Outcome], ignored: set[int]) -> None:
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome.verdict is Verdict.SENT:
            log.info("message_sent", message_id=message.message_id, ignored=message.id in ignored)
        else:
            log.warning(
                "message_not_sent",
                message_id=message.message_id,
                verdict=outcome.verdict,
                detail=outcome.detail,
                ignored=message.id in ignored,
            )
    if any(outcome.verdict is Verdict.ACCOUNT_REFUSED for outcome in outcomes):
        log.error(
            "provider_refuses_our_account",
            detail=next(o.detail for o in outcomes if o.verdict is Verdict.ACCOUNT_REFUSED),
            remedy="check LIPANET_TEXTSMS_API_KEY, _PARTNER_ID and _SHORTCODE; messages wait until they expire",
        )
