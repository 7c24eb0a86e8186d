"""Why an exchange with a router failed.

After a Trap the connection is in step and goes on. After anything else its next bytes could be the late
answer to an earlier question, so it is closed: whoever read them would take one customer for another.
"""

# A failure's text is repeated for each of a thousand users.
MAX_DETAIL = 300


class RouterFailure(Exception):
    """An exchange with a router failed. The text is for the operator's log: no secrets."""


class Unreachable(RouterFailure):
    """No connection, or it was lost."""


class TimedOut(RouterFailure):
    """No answer in time."""


class CertificateChanged(RouterFailure):
    """The router does not show the certificate that is remembered: another may stand in its place, and got no login."""


class LoginRefused(RouterFailure):
    """The router knows no such login, or there is none to try."""


class SessionEnded(RouterFailure):
    """The router ended the session with !fatal."""


class Garbled(RouterFailure):
    """The peer broke the protocol: perhaps it is no router at all."""


class AnswerTooLarge(RouterFailure):
    """The peer sent more than any answer has: asked again it would only do it again."""


class Trap(RouterFailure):
    """The router refused one command. `messages`: its words, one for each !trap."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages)[:MAX_DETAIL] or "the router refused without a word")

    @property
    def no_such_item(self) -> bool:
        """A named row is gone."""
        # Categories differ between versions; the text is what they agree on.
        return any(message.startswith("no such item") for message in self.messages)

    @property
    def not_permitted(self) -> bool:
        """The login's group lacks a policy."""
        return any("not enough permissions" in message for message in self.messages)
