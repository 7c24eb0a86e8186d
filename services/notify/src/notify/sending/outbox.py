"""What lies between those who accept messages and those who send them. Knows neither database nor provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(slots=True)
class Claimed:
    """A message that is ours to send, as it stands in the database since it was marked SENDING."""

    id: int
    message_id: str
    phone: str
    text: str
    template: str
    attempts: int
    doubts: int
    fencing_token: int
    expire_time: datetime


class Outbox(Protocol):
    """Takes messages that were accepted. Those for which a call can begin at once need not be claimed afterwards."""

    @property
    def claim(self) -> timedelta:
        """How long a message stays SENDING before its sender counts as dead."""
        ...

    def take(self, messages: int) -> int:
        """How many of so many new messages may be stored as SENDING; each `take` is followed by one `begin`."""
        ...

    def begin(self, messages: Sequence[Claimed], taken: int) -> None:
        """Send these, which are durably SENDING; `taken` is what `take` answered, though fewer may have come of it."""
        ...

    def unsure(self, messages: Sequence[Claimed]) -> None:
        """The database did not say whether it holds these as SENDING; no call for them has begun."""
        ...

    def queued(self, messages: int) -> None:
        """So many more are QUEUED and due."""
        ...
