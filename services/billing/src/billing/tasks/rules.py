"""The tasks that a payment leaves behind, and when they are due. Pure."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from billing import calendar
from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.payments.settlement import Settlement
from servicekit import backoff

# How long the customer's message waits for the router, so that one SMS can tell the whole truth.
GRACE = timedelta(seconds=10)
# What of it is left at least when the router is asked for the first time, however late that is.
PATIENCE = timedelta(seconds=5)
MESSAGE_LIFETIME = timedelta(days=1)
FIRST_PAUSE = timedelta(seconds=1)
MAX_PAUSE = timedelta(seconds=60)
MAX_SCOUT_PAUSE = timedelta(seconds=3)


class Kind(StrEnum):
    """What a task asks for."""

    SET_ACCESS = "set_access"
    SEND_MESSAGES = "send_messages"


class State(StrEnum):
    """How far a task got."""

    OPEN = "open"
    DONE = "done"
    GIVEN_UP = "given_up"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Line:
    """The line of an access task: it is to be made what is wanted, which is on."""

    router_id: int
    username: str


@dataclass(slots=True)
class NewTask:
    """A task to be written with its payment; `work` decides its kind."""

    trans_id: str
    work: Line | Notice
    due_time: datetime
    expire_time: datetime
    customer_id: int | None = None
    variant: Variant | None = None

    @property
    def kind(self) -> Kind:
        return Kind.SET_ACCESS if isinstance(self.work, Line) else Kind.SEND_MESSAGES

    @property
    def has_work(self) -> bool:
        """False when there is nobody to tell: no admins are named, no number is on record."""
        return isinstance(self.work, Line) or self.work.has_recipients


@dataclass(frozen=True, slots=True)
class Wanted:
    """The tasks that a lessee asks for: at most `limit`, of these kinds, and none of the routers it is busy with."""

    limit: int
    kinds: Sequence[Kind] = tuple(Kind)
    busy_router_ids: AbstractSet[int] = frozenset()


@dataclass(slots=True)
class Failed:
    """A task that failed: its row as `lock` answered it, why, and when it is due again."""

    row: Any
    error: str
    due_time: datetime


def of_settlement(
    settlement: Settlement, balance_cents: int, admins: Sequence[str], now: datetime
) -> Iterator[NewTask]:
    """The tasks of a placed or held payment: the line, if one was paid for, and the messages."""
    trans_id = settlement.payment.trans_id
    customer_id = settlement.customer.customer_id if settlement.customer else None
    if settlement.line and settlement.due_date:
        router_id, username = settlement.line
        yield NewTask(trans_id, Line(router_id, username), now, calendar.end_of(settlement.due_date), customer_id)
    notice, variant = notices.of_settlement(settlement, balance_cents, admins)
    due_time = now + GRACE if variant is Variant.WAITING else now
    yield NewTask(trans_id, notice, due_time, now + MESSAGE_LIFETIME, customer_id, variant)


def message(trans_id: str, notice: Notice, now: datetime) -> NewTask:
    """A task for a notice that is true as it stands."""
    return NewTask(trans_id, notice, now, now + MESSAGE_LIFETIME)


def pause(failures: int, longest: timedelta = MAX_PAUSE) -> timedelta:
    """How long to wait after so many failures in a row: doubling, capped, half of it random."""
    first, bound = FIRST_PAUSE.total_seconds(), longest.total_seconds()
    return timedelta(seconds=backoff.pause(failures, first=first, longest=bound))


def scout_pause(failures: int) -> timedelta:
    """How long the one task waits that finds out for all others whether their router is back.

    One line a router is cheap to try, so it is tried often: when it succeeds, all that wait are due at once.
    """
    return pause(failures, MAX_SCOUT_PAUSE)
