"""Which messages are counted, so that nobody can make us send without end, and what the digest of the rest says. Pure.

A module of its own: `rules` says who is told what, this one how much of it is too much.

A payer's own messages are not counted, but for those on part payments: anybody can pay a shilling to any account.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from servicekit.money import grouped

from billing.calendar import NAIROBI
from billing.notices.rules import Notice, Variant
from billing.policy import Policy

# All admins get the same messages, and are counted as one.
ADMINS = "admins"


class Topic(StrEnum):
    """What messages are about, as far as they are counted apart. The digest's event is `<topic>_digest`."""

    RECEIPT = "receipt"  # of a package: who causes one pays for it
    PART_RECEIPT = "part_receipt"
    ACCOUNT_RECEIPT = "account_receipt"  # of what is paid into an ISP's own accounts
    RECONNECTION = "reconnection"
    UNMATCHED = "unmatched"
    CONFLICT = "conflict"
    LINE = "line"
    PART_PAYMENT = "part_payment"  # to the customer
    UNREADABLE = "unreadable"


_OF_STAFF = {
    "payment": Topic.RECEIPT,
    "credits": Topic.ACCOUNT_RECEIPT,
    "service": Topic.ACCOUNT_RECEIPT,
    "reconnected": Topic.RECONNECTION,
    "unmatched": Topic.UNMATCHED,
    "conflict": Topic.CONFLICT,
    "expired": Topic.LINE,
    "line_error": Topic.LINE,
}
_NOBODY: dict[str, Any] = {"customer": "", "isp": "", "admins": ()}


@dataclass(slots=True)
class Tally:
    """What one recipient was sent of a topic since a moment, and what is left to a digest.

    `digest_id`: the digest's task, if there is one yet.
    """

    tally_id: int
    topic: Topic
    recipient: str
    since: datetime
    sent: int = 0
    held_back: int = 0
    held_back_cents: int = 0
    digest_id: int | None = None

    def begin(self, since: datetime) -> None:
        """Count anew."""
        self.since, self.sent = since, 0
        self.begin_digest()

    def begin_digest(self) -> None:
        """Leave what is held back from now on to another digest."""
        self.held_back, self.held_back_cents, self.digest_id = 0, 0, None

    def hold_back(self, count: int, cents: int) -> None:
        """Leave some more messages to the digest, about so much money together."""
        self.held_back += count
        self.held_back_cents += cents


@dataclass(frozen=True, slots=True)
class DigestTask:
    """How far the task of a digest got. `time`: when it was, or will be, sent."""

    still_waits: bool
    time: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a notice that is counted by itself. `role`: the notice's field that names who gets it."""

    topic: Topic
    role: str
    notice: Notice

    @property
    def recipient(self) -> str:
        """Who is counted: a number is the same however it is written, its last nine digits tell it."""
        if self.role == "admins":
            return ADMINS
        digits = "".join(letter for letter in getattr(self.notice, self.role) if letter in "0123456789")
        return digits[-9:] or "-"

    def strike(self) -> Notice:
        """Take the recipients out of the notice; answers a notice with nobody else in it."""
        told = Notice(event="", facts={}, **{self.role: getattr(self.notice, self.role)})
        setattr(self.notice, self.role, _NOBODY[self.role])
        return told


def shares(notice: Notice, variant: Variant | None) -> Iterator[Share]:
    """The parts of a notice that are counted."""
    is_part = variant in {Variant.PARTIAL, Variant.KEPT}
    if topic := Topic.PART_RECEIPT if is_part else _OF_STAFF.get(notice.event.partition(":")[0]):
        yield from (Share(topic, role, notice) for role in ("isp", "admins") if getattr(notice, role))
    if is_part and notice.customer:
        yield Share(Topic.PART_PAYMENT, "customer", notice)


def limit(policy: Policy, topic: Topic) -> int:
    """How many messages of a topic go to a recipient one by one in an hour; 0: as many as there are."""
    if topic in {Topic.RECEIPT, Topic.RECONNECTION}:
        return policy.receipts_per_hour
    return policy.part_payments_per_hour if topic is Topic.PART_PAYMENT else policy.staff_messages_per_hour


def digest(tally: Tally, told: Notice, until: datetime) -> Notice:
    """The digest of what was held back, to those whom `told` names."""
    facts = {
        "count": f"{tally.held_back:,}",
        "amount": grouped(tally.held_back_cents),
        "since": f"{tally.since.astimezone(NAIROBI):%H:%M}",
        "until": f"{until.astimezone(NAIROBI):%H:%M}",
    }
    return Notice(f"{tally.topic}_digest", facts, told.customer, told.isp, told.admins)
