"""The steps of sending: claim what is due, hand it over, record what came of it. `worker` says on which thread.

A message is claimed and marked SENDING in one transaction that is durable before the provider is called, so a crash
leaves a SENDING message whose claim runs out, never a QUEUED one that may have been sent. Any number of processes
and threads may do this at once.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from servicekit.database import current_time, transact
from servicekit.errors import DatabaseUnavailable

from notify.messages import store, templates
from notify.providers.provider import Outcome, Provider, Sms, Verdict
from notify.sending import rules as states
from notify.sending.outbox import Claimed
from notify.sending.rules import State

# TextSMS takes no more in one call.
CALL_SIZE = 20
# Messages that a dead process left: settled so many in a transaction.
ABANDONED_AT_ONCE = 200

log = structlog.get_logger()

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that are ours to send, and those that expired unsent instead."""

    messages: Sequence[Claimed]
    expired: Sequence[Row]

    def __len__(self) -> int:
        return len(self.messages) + len(self.expired)


def calls_needed(messages: int) -> int:
    """How many calls so many messages take."""
    return -(-messages // CALL_SIZE)


def calls_of(messages: Sequence[Claimed]) -> Iterator[Sequence[Claimed]]:
    """The messages of each call to make."""
    for first in range(0, len(messages), CALL_SIZE):
        yield messages[first : first + CALL_SIZE]


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call's messages, as they were claimed, with an outcome for each."""

    messages: Sequence[Claimed]
    outcomes: Sequence[Outcome]


def never_called(messages: Sequence[Claimed]) -> EndedCall:
    """For messages that may be SENDING without a call: as if there had been no connection, so that they go again."""
    outcome = Outcome(Verdict.UNREACHABLE, "the database did not confirm in time that it holds the message")
    return EndedCall(messages, [outcome] * len(messages))


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
        self.lease = timedelta(seconds=2 * provider.deadline + 2)

    def claim(self, most: int) -> Claim:
        """Mark at most `most` due messages SENDING, durably. Their calls must begin at once: the claim is running."""
        claim = transact(self._engine, lambda connection: self._claim(connection, most))
        for message in claim.expired:
            log.warning("message_expired", message_id=message.message_id, last=message.detail)
        return claim

    def _claim(self, connection: sa.Connection, most: int) -> Claim:
        now = current_time(connection)
        due = store.due(connection, State.QUEUED, now, most)
        claim = Claim(
            messages=[_claimed(message) for message in due if message.expire_time > now],
            expired=[message for message in due if message.expire_time <= now],
        )
        store.move(connection, [_expiry(message, now) for message in claim.expired])
        if claim.messages:
            store.claim(connection, [message.id for message in claim.messages], now, now + self.lease)
        return claim

    def settle_abandoned(self) -> int:
        """Move messages whose sender died on, up to ABANDONED_AT_ONCE; answers how many."""
        abandoned = transact(self._engine, self._settle)
        for message in abandoned:
            log.warning("message_outcome_unknown", message_id=message.message_id, detail="the sender died meanwhile")
        return len(abandoned)

    def _settle(self, connection: sa.Connection) -> Sequence[Row]:
        now = current_time(connection)
        abandoned = store.due(connection, State.SENDING, now, ABANDONED_AT_ONCE)
        died = Outcome(Verdict.UNKNOWN, "the process that was sending it died")
        dice = self._dice()
        store.move(connection, [_step(message, died, now, dice) for message in abandoned])
        return abandoned

    def call(self, messages: Sequence[Claimed]) -> EndedCall:
        """Hand the messages of one call over. Does not raise."""
        batch = [Sms(reference=str(message.id), phone=message.phone, text=message.text) for message in messages]
        try:
            return EndedCall(messages, self._provider.send(batch))
        except Exception:  # a fault of ours must neither lose a message nor stop the sender
            log.exception("provider_call_failed", messages=len(batch))
            return EndedCall(messages, [Outcome(Verdict.UNKNOWN, "the call failed by a fault of ours")] * len(batch))

    def record(self, calls: Sequence[EndedCall]) -> None:
        """Write the outcomes down in one transaction; while the database is away, try until the claims run out."""
        deadline = time.monotonic() + self.lease.total_seconds()
        while True:
            try:
                ignored = transact(self._engine, lambda connection: self._move(connection, calls))
            except DatabaseUnavailable as error:
                log.warning("outcomes_wait_for_database", detail=str(error))
                if time.monotonic() > deadline or self._stopping.wait(0.5):
                    _tell_unrecorded(calls)
                    return
            except Exception:
                log.exception("recording_failed", calls=len(calls))
                self._record_apart(calls)
                return
            else:
                _tell(calls, ignored)
                return

    def _record_apart(self, calls: Sequence[EndedCall]) -> None:
        """One by one, so that an outcome that cannot be written down does not take its neighbours with it."""
        if len(calls) == 1:
            _tell_unrecorded(calls)
            return
        for call in calls:
            self.record([call])

    def _move(self, connection: sa.Connection, calls: Sequence[EndedCall]) -> int:
        """Move every message; answers how many someone else has dealt with since."""
        now = current_time(connection)
        moves: list[store.Move] = []
        for call in calls:
            dice = self._dice()  # one for a call: what comes back together fills a call again, and moves in one update
            moves += [_step(message, outcome, now, dice) for message, outcome in _each([call])]
        return store.move(connection, moves)


def _claimed(row: Row) -> Claimed:
    """A due message as the claim leaves it."""
    return Claimed(
        id=row.id,
        message_id=row.message_id,
        phone=row.phone,
        text=row.text,
        template=row.template,
        attempts=row.attempts + 1,
        doubts=row.doubts,
        fencing_token=row.fencing_token + 1,
        expire_time=row.expire_time,
    )


def _step(message: Any, outcome: Outcome, now: datetime, dice: float) -> store.Move:
    unknown = outcome.verdict is Verdict.UNKNOWN
    attempt = states.Attempt(message.attempts, message.doubts, templates.may_resend(message.template))
    step = states.after_attempt(outcome, attempt, dice)
    values = {
        "state": step.state,
        "detail": outcome.detail[:500],
        "doubts": message.doubts + unknown,
        # Due at the latest when it expires, so that it is told then.
        "due_time": min(now + step.delay, max(message.expire_time, now)),
        "update_time": now,
    }
    # What is certain is worth knowing however late it comes; a doubt is only about an attempt that is still open.
    return store.Move(message.id, message.fencing_token, values, outcome.provider_message_id, only_sending=unknown)


def _expiry(message: Row, now: datetime) -> store.Move:
    end = {"state": states.after_expiry(message.doubts), "update_time": now}
    return store.Move(message.id, message.fencing_token, end, message.provider_message_id)


def _tell(calls: Sequence[EndedCall], ignored: int) -> None:
    """A line for all that was sent and one for each way in which messages were not, with their ids."""
    unsent: dict[tuple[Verdict, str], list[str]] = defaultdict(list)
    for message, outcome in _each(calls):
        if outcome.verdict is not Verdict.SENT:
            unsent[outcome.verdict, outcome.detail].append(message.message_id)
    sent = sum(len(call.messages) for call in calls) - sum(map(len, unsent.values()))
    log.info("messages_sent", messages=sent, calls=len(calls), ignored=ignored)
    log.debug("calls_recorded", message_ids=_joined(message.message_id for message, _ in _each(calls)))
    for (verdict, detail), message_ids in unsent.items():
        log.warning("messages_not_sent", verdict=verdict, detail=detail, message_ids=_joined(message_ids))
        if verdict is Verdict.ACCOUNT_REFUSED:
            remedy = "check REJESHA_TEXTSMS_API_KEY, _PARTNER_ID and _SHORTCODE; messages wait until they expire"
            log.error("provider_refuses_our_account", detail=detail, remedy=remedy)


def _tell_unrecorded(calls: Sequence[EndedCall]) -> None:
    message_ids = _joined(message.message_id for call in calls for message in call.messages)
    log.error("outcomes_not_recorded", message_ids=message_ids)


def _each(calls: Sequence[EndedCall]) -> Iterator[tuple[Claimed, Outcome]]:
    for call in calls:
        yield from zip(call.messages, call.outcomes, strict=True)


def _joined(message_ids: Iterable[str]) -> str:
    return ", ".join(message_ids)  # as one text: a number in it is masked
