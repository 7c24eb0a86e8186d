"""What notify asks of an SMS provider and what can come of it.

`textsms` and `console` are the providers. A further one is a module here that implements `Provider`, a value of the
setting REJESHA_NOTIFY_SENDER with the settings that it needs, and a line in `make_provider` of `__main__`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class OutcomeKind(StrEnum):
    """What one attempt to send one message came to."""

    SENT = "SENT"  # the provider has it
    UNREACHABLE = "UNREACHABLE"  # no connection, so nothing was handed over
    BUSY = "BUSY"  # refused for now, by an error of the provider's
    LATER = "LATER"  # refused for some minutes
    ACCOUNT_REFUSED = "ACCOUNT_REFUSED"  # our account is at fault, not the message: an operator must act
    REFUSED = "REFUSED"  # this message will never be taken
    UNKNOWN = "UNKNOWN"  # it may or may not have been taken


@dataclass(frozen=True, slots=True)
class Sms:
    """One message to hand over; `phone` as 254 and nine digits, `reference` unique among all messages."""

    reference: str
    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to, with what the provider said and its own id of the message, where it gave one.

    `code`: its response code, where that is one of those documented.
    """

    kind: OutcomeKind
    detail: str = ""
    provider_message_id: str = ""
    code: int | None = None


class Provider(Protocol):
    """Hands messages over; one call, no retries, no memory."""

    @property
    def name(self) -> str:
        """What it is called in settings and metrics."""

    @property
    def deadline(self) -> float:
        """How long `send` takes at most, in seconds."""

    def send(self, batch: Sequence[Sms]) -> list[Outcome]:
        """Hand over 1 to 20 messages; answers one outcome for each, in their order, and does not raise."""
