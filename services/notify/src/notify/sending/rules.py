"""A message's states and what moves it from one to the next. Pure; the clock and the dice are handed in."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from notify.providers.provider import Outcome, Verdict


class State(StrEnum):
    """How far a message got; the names are the contract's."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the next state depends on besides the outcome: attempts made, this one included, and doubts before it."""

    attempts: int
    doubts: int
    resend: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Where a message goes next; `delay` is how long it then waits when it is QUEUED."""

    state: State
    delay: timedelta = timedelta()


# The shortest and the longest wait before the next attempt, in seconds; doubled from one to the other.
_WAITS = {
    Verdict.UNREACHABLE: (1, 60),
    Verdict.BUSY: (10, 300),
    Verdict.LATER: (300, 600),
    Verdict.ACCOUNT_REFUSED: (300, 600),
    Verdict.UNKNOWN: (5, 5),
}


def after_attempt(outcome: Outcome, attempt: Attempt, dice: float) -> Step:
    """The step after an attempt. `dice`: from 0 to 1, spreads the waits, so that not all come back at once.

    An attempt in doubt is repeated at most once in a message's life, and only where a double does less harm than
    silence. A clear refusal may be repeated until the message expires.
    """
    match outcome.verdict:
        case Verdict.SENT:
            return Step(State.SENT)
        case Verdict.REFUSED:
            return Step(State.FAILED)
        case Verdict.UNKNOWN if attempt.doubts or not attempt.resend:
            return Step(State.UNKNOWN)
        case verdict:
            return Step(State.QUEUED, _wait(verdict, attempt.attempts, dice))


def _wait(verdict: Verdict, attempts: int, dice: float) -> timedelta:
    shortest, longest = _WAITS[verdict]
    seconds = min(longest, shortest * 2 ** min(attempts - 1, 16))
    return timedelta(seconds=seconds * (1 + dice / 2))


def after_expiry(doubts: int) -> State:
    """The end of a message whose time ran out: who may have been reached is not called unreached."""
    return State.UNKNOWN if doubts else State.EXPIRED
