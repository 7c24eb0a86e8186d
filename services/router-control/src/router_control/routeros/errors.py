"""Why an exchange with a router failed, and which of the contract's outcomes that is.

After a Trap the connection is in step and goes on. After any other failure its next bytes could be the late
answer to an earlier question, so it is closed: whoever read them would take one customer for another.
"""

import enum

from servicekit.rpc.errors import ResourceExhausted

# A failure's text is repeated for each of a thousand users.
MAX_DETAIL = 300


class AccessOutcome(enum.Enum):
    """How it went for one user, or for one router. Named as in the contract, where each is explained."""

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
    NO_SUCH_PROFILE = enum.auto()
    NO_FIXED_ADDRESS = enum.auto()


class RouterFailure(Exception):
    """An exchange with a router failed. The text is for the operator's log: no secrets."""

    # What it means for the users that the exchange was about.
    outcome = AccessOutcome.ROUTER_ERROR


class Unreachable(RouterFailure):
    """No connection, or it was lost."""

    outcome = AccessOutcome.UNREACHABLE


class TimedOut(RouterFailure):
    """No answer in time."""

    outcome = AccessOutcome.TIMED_OUT


class CertificateChanged(RouterFailure):
    """The router does not show the certificate that is remembered: another may stand in its place, and got no login."""

    outcome = AccessOutcome.CERTIFICATE_CHANGED


class LoginRefused(RouterFailure):
    """The router knows no such login, or there is none to try."""

    outcome = AccessOutcome.LOGIN_REFUSED


class SessionEnded(RouterFailure):
    """The router ended the session with !fatal."""


class Garbled(RouterFailure):
    """The peer broke the protocol: perhaps it is no router at all."""


class NeedsTls(RouterFailure):
    """The port speaks TLS, and the router is registered without: no waiting mends that."""


class AnswerTooLarge(RouterFailure):
    """The peer sent more than any answer has: asked again it would only do it again."""


class Trap(RouterFailure):
    """The router refused one command. `messages`: its words, one for each !trap."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages)[:MAX_DETAIL] or "the router refused without a word")
        if self.not_permitted:
            self.outcome = AccessOutcome.NOT_PERMITTED
        elif any(message.startswith("input does not match any value of profile") for message in messages):
            self.outcome = AccessOutcome.NO_SUCH_PROFILE

    @property
    def no_such_item(self) -> bool:
        """A named row is gone."""
        # Categories differ between versions; the text is what they agree on.
        return any(message.startswith("no such item") for message in self.messages)

    @property
    def not_permitted(self) -> bool:
        """The login's group lacks a policy."""
        return any("not enough permissions" in message for message in self.messages)


class RouterBusy(ResourceExhausted):
    """Too many calls wait for this router already."""

    reason = "ROUTER_BUSY"
