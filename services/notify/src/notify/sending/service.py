"""The steps of sending: claim what is due, hand it over, record what came of it. `sender` says when.

A message is claimed and marked SENDING in one transaction that is durable before the provider is called, so a crash
leaves a SENDING message whose claim runs out, never a QUEUED one that may have been sent. Any number of processes
may do this at once.
"""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.rpc.errors import Unavailable

from notify import metrics
from notify.messages import store, templates
from notify.messages.rules import MessageState
from notify.messages.store import DueMessage
from notify.providers.provider import Outcome, OutcomeKind, Provider, Sms
from notify.sending import rules
from servicekit import tracing

# TextSMS takes no more in one call.
CALL_SIZE = 20
# Messages that a dead process left: settled so many in a transaction.
MAX_ABANDONED = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that are ours to send, and those that expired unsent instead."""

    messages: Sequence[DueMessage]
    expired: Sequence[DueMessage]

    def __len__(self) -> int:
        return len(self.messages) + len(self.expired)


def calls_of(messages: Sequence[DueMessage]) -> Iterator[Sequence[DueMessage]]:
    """The messages of each call to make."""
    for first in range(0, len(messages), CALL_SIZE):
        yield messages[first : first + CALL_SIZE]


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call's messages, as they were claimed, with an outcome for each."""

    messages: Sequence[DueMessage]
    outcomes: Sequence[Outcome]


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
        # A call that is later than this counts as unanswered: a client's own limits may be of each step only.
        self.call_seconds = provider.deadline + 1
        # A claim outlasts the call it is for; what is still SENDING then was left by a process that died.
        self.lease = timedelta(seconds=2 * provider.deadline + 2)

    def claim(self, limit: int) -> Claim:
        """Mark at most `limit` due messages SENDING, durably. Their calls must begin at once: the claim is running."""
        claim = transact(self._engine, lambda connection: self._claim(connection, limit))
        metrics.EXPIRED.inc(len(claim.expired))
        for message in claim.expired:
            log.warning("message_expired", trans_id=message.subject, message_id=message.message_id, last=message.detail)
        return claim

    def _claim(self, connection: sa.Connection, limit: int) -> Claim:
        due, now = store.due(connection, MessageState.QUEUED, limit)
        if now is None:
            return Claim((), ())
        claim = Claim(
            messages=[_claimed(message) for message in due if message.expire_time > now],
            expired=[message for message in due if message.expire_time <= now],
        )
        store.move(connection, [_expiry(message, now) for message in claim.expired], now)
        if claim.messages:
            store.claim(connection, [message.id for message in claim.messages], now, now + self.lease)
        return claim

    def settle_abandoned(self) -> int:
        """Move messages whose sender died on, up to MAX_ABANDONED; answers how many."""
        abandoned = transact(self._engine, self._settle)
        for message in abandoned:
            log.warning(
                "message_outcome_unknown",
                trans_id=message.subject,
                message_id=message.message_id,
                detail="the sender died meanwhile",
            )
        return len(abandoned)

    def _settle(self, connection: sa.Connection) -> Sequence[DueMessage]:
        abandoned, now = store.due(connection, MessageState.SENDING, MAX_ABANDONED)
        if now is None:
            return ()
        died = Outcome(OutcomeKind.UNKNOWN, "the process that was sending it died")
        dice = self._dice()
        store.move(connection, [_step(message, died, now, dice) for message in abandoned], now)
        return abandoned

    def call(self, messages: Sequence[DueMessage]) -> EndedCall:
        """Hand the messages of one call over. Does not raise."""
        batch = [Sms(reference=str(message.id), phone=message.phone, text=message.text) for message in messages]
        try:
            spans = tracing.span(self._provider.name, trans_ids=[message.subject for message in messages])
            with metrics.CALLS.labels(self._provider.name).time(), spans:
                return EndedCall(messages, self._provider.send(batch))
        except Exception:  # a fault of ours must neither lose a message nor stop the sender
            log.exception("provider_call_failed", messages=len(batch))
            return unanswered(messages, "the call failed by a fault of ours")

    def record(self, calls: Sequence[EndedCall]) -> None:
        """Write the outcomes down in one transaction; while the database is away, try until the claims run out."""
        deadline = time.monotonic() + self.lease.total_seconds()
        while True:
            try:
                ignored = transact(self._engine, lambda connection: self._move(connection, calls))
            except Unavailable as error:
                log.warning("outcomes_wait_for_database", detail=str(error))
                if time.monotonic() > deadline or self._stopping.wait(0.5):
                    _tell_unrecorded(calls)
                    return
            except Exception:
                log.exception("recording_failed", calls=len(calls))
                self._record_apart(calls)
                return
            else:
                self._measure(calls)
                _tell(calls, ignored)
                return

    def _measure(self, calls: Sequence[EndedCall]) -> None:
        counts = Counter((outcome.kind, outcome.code) for _, outcome in _each(calls))
        for (kind, code), count in counts.items():
            metrics.ATTEMPTS.labels(self._provider.name, kind, "" if code is None else code).inc(count)

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
        return store.move(connection, moves, now)


def unanswered(messages: Sequence[DueMessage], detail: str) -> EndedCall:
    """The end of a call of which nobody knows what it did."""
    return EndedCall(messages, [Outcome(OutcomeKind.UNKNOWN, detail)] * len(messages))


def _claimed(message: DueMessage) -> DueMessage:
    """A due message as the claim leaves it."""
    message.attempts += 1
    message.fencing_token += 1
    return message


def _step(message: DueMessage, outcome: Outcome, now: datetime, dice: float) -> store.Move:
    unknown = outcome.kind is OutcomeKind.UNKNOWN
    attempt = rules.Attempt(message.attempts, message.doubts, templates.may_resend(message.template))
    step = rules.after_attempt(outcome, attempt, dice)
    # What is certain is worth knowing however late it comes; a doubt is only about an attempt that is still open.
    return store.Move(
        id=message.id,
        fencing_token=message.fencing_token,
        state=step.state,
        detail=outcome.detail[:500],
        provider_message_id=outcome.provider_message_id,
        doubts=message.doubts + unknown,
        # Due at the latest when it expires, so that it is told then.
        due_time=min(now + step.delay, max(message.expire_time, now)),
        only_sending=unknown,
    )


def _expiry(message: DueMessage, now: datetime) -> store.Move:
    return store.Move(
        id=message.id,
        fencing_token=message.fencing_token,
        state=rules.after_expiry(message.doubts),
        detail=message.detail,
        provider_message_id=message.provider_message_id,
        doubts=message.doubts,
        due_time=now,
    )


def _tell(calls: Sequence[EndedCall], ignored: int) -> None:
    """A line for all that was sent and one for each way in which messages were not, with their ids."""
    unsent: dict[tuple[OutcomeKind, str], list[DueMessage]] = defaultdict(list)
    for message, outcome in _each(calls):
        if outcome.kind is not OutcomeKind.SENT:
            unsent[outcome.kind, outcome.detail].append(message)
    sent = sum(len(call.messages) for call in calls) - sum(map(len, unsent.values()))
    log.info("messages_sent", messages=sent, calls=len(calls), ignored=ignored)
    log.debug("calls_recorded", **_named(message for message, _ in _each(calls)))
    for (kind, detail), messages in unsent.items():
        log.warning("messages_not_sent", outcome=kind, detail=detail, **_named(messages))
        if kind is OutcomeKind.ACCOUNT_REFUSED:
            remedy = "check REJESHA_TEXTSMS_API_KEY, _PARTNER_ID and _SHORTCODE; messages wait until they expire"
            log.error("provider_refuses_our_account", detail=detail, remedy=remedy)


def _tell_unrecorded(calls: Sequence[EndedCall]) -> None:
    log.error("outcomes_not_recorded", **_named(message for call in calls for message in call.messages))


def _each(calls: Sequence[EndedCall]) -> Iterator[tuple[DueMessage, Outcome]]:
    for call in calls:
        yield from zip(call.messages, call.outcomes, strict=True)


def _named(messages: Iterable[DueMessage]) -> dict[str, str]:
    """What a log line calls them; as texts, so that a number in them is masked."""
    ids = [(message.message_id, message.subject) for message in messages]
    return {
        "message_ids": ", ".join(message_id for message_id, _ in ids),
        "trans_ids": ", ".join(dict.fromkeys(subject for _, subject in ids if subject)),
    }
