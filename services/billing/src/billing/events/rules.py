"""Events of a customer in one order of time, and where a page of them ends. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from heapq import merge
from itertools import islice

from servicekit.rpc.errors import InvalidPageToken

from billing.changes.rules import StoredChange
from billing.payments.rules import Outcome

_TOKEN = re.compile(r"([0-9]{1,17})\.([0-2])\.([0-9]{1,18})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Source(IntEnum):
    """Where an event is on record; of those of one moment a later source's comes later."""

    PAYMENT = 0
    CHANGE = 1
    STEP = 2


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An event's place in the order, oldest first; `row_id`: among those of its source."""

    time: datetime
    source: Source
    row_id: int

    def token(self) -> str:
        """As a page token."""
        return f"{(self.time - _EPOCH) // timedelta(microseconds=1)}.{self.source.value}.{self.row_id}"


def place_of(token: str) -> Place | None:
    """Where a page goes on; None: at the newest. Raises InvalidPageToken."""
    if not token:
        return None
    match = _TOKEN.fullmatch(token)
    if not match:
        raise InvalidPageToken("this page token was never given out")
    return Place(_EPOCH + timedelta(microseconds=int(match[1])), Source(int(match[2])), int(match[3]))


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """A payment that was placed on a customer. The dates as they are on record; empty: not moved, or there was none.
    `taken_back`: it is the customer's no more.
    """

    trans_id: str
    amount_cents: int
    outcome: Outcome
    bill_ref_number: str
    due_date_before: str = ""
    due_date_after: str = ""
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a payment's, or of a line's, timeline."""

    trans_id: str
    category: str
    message: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    place: Place
    content: PaymentMade | StoredChange | Step


def newest(sources: Iterable[Iterable[Event]], limit: int) -> list[Event]:
    """The newest events of sources of which each is in order, newest first."""
    return list(islice(merge(*sources, key=lambda event: event.place, reverse=True), limit))
