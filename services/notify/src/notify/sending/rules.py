"""What follows an attempt to send a message. Pure; the clock and the dice are handed in."""

from dataclasses import dataclass
from datetime import timedelta

from notify.messages.rules import MessageState
from notify.providers.provider import Outcome, OutcomeKind
from servicekit import backoff


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the next state depends on besides the outcome: attempts made, this one included, and doubts before it."""

    attempts: int
    doubts: int
    resend: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Where a message goes next; `delay` is how long it then waits when it is QUEUED."""

    state: MessageState
    delay: timedelta = timedelta()


# Before the next attempt, in seconds, as servicekit.backoff takes them: the most after one failure, the most at all.
_WAITS = {
    OutcomeKind.UNREACHABLE: (2, 90),
    OutcomeKind.BUSY: (20, 450),
    OutcomeKind.LATER: (600, 900),
    OutcomeKind.ACCOUNT_REFUSED: (600, 900),
    OutcomeKind.UNKNOWN: (10, 10),
}


def after_attempt(outcome: Outcome, attempt: Attempt, dice: float) -> Step:
    """The step after an attempt. `dice`: from 0 to 1, spreads the waits, so that not all come back at once.

    An attempt in doubt is repeated at most once in a message's life, and only where a double does less harm than
    silence. A clear refusal may be repeated until the message expires.
    """
    match outcome.kind:
        case OutcomeKind.SENT:
            return Step(MessageState.SENT)
        case OutcomeKind.REFUSED:
            return Step(MessageState.FAILED)
        case OutcomeKind.UNKNOWN if attempt.doubts or not attempt.resend:
            return Step(MessageState.UNKNOWN)
        case kind:
            return Step(MessageState.QUEUED, _wait(kind, attempt.attempts, dice))


def _wait(kind: OutcomeKind, attempts: int, dice: float) -> timedelta:
    first, longest = _WAITS[kind]
    return timedelta(seconds=backoff.pause(attempts, first=first, longest=longest, dice=dice))


def after_expiry(doubts: int) -> MessageState:
    """The end of a message whose time ran out: one that may have arrived is UNKNOWN, not EXPIRED."""
    return MessageState.UNKNOWN if doubts else MessageState.EXPIRED
