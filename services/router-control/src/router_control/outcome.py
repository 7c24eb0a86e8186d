"""How it went for one user: the words of the contract, without its wire format. Pure."""

import enum
from dataclasses import dataclass

from router_control.failures import CertificateChanged, LoginRefused, RouterFailure, TimedOut, Trap, Unreachable


class Outcome(enum.Enum):
    """Named as in the contract, where each is explained."""

    CHANGED = enum.auto()
    ALREADY_SO = enum.auto()
    NO_SUCH_SECRET = enum.auto()
    UNREACHABLE = enum.auto()
    LOGIN_REFUSED = enum.auto()
    NOT_PERMITTED = enum.auto()
    TIMED_OUT = enum.auto()
    NO_SUCH_ROUTER = enum.auto()
    ROUTER_ERROR = enum.auto()
    CERTIFICATE_CHANGED = enum.auto()


@dataclass(frozen=True)
class Result:
    """One user's result. `enabled`: what the router held last, None when that is not known."""

    outcome: Outcome
    enabled: bool | None = None
    sessions: int = 0
    detail: str = ""


def outcome_of(failure: RouterFailure) -> Outcome:
    """What a failure means for the users it was about."""
    match failure:
        case Unreachable():
            return Outcome.UNREACHABLE
        case LoginRefused():
            return Outcome.LOGIN_REFUSED
        case CertificateChanged():
            return Outcome.CERTIFICATE_CHANGED
        case TimedOut():
            return Outcome.TIMED_OUT
        case Trap(not_permitted=True):
            return Outcome.NOT_PERMITTED
        case _:
            return Outcome.ROUTER_ERROR
