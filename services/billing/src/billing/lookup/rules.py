"""Payments, timelines and tasks as they are on record. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.notices.rules import Variant
from billing.payments.rules import Outcome, Receipt, UnmatchedReason
from billing.policies.rules import Language
from billing.tasks.rules import TaskKind, TaskState, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment:
    """A payment as it is on record; what the predecessor left empty is "" or 0, and its outcome PREDECESSOR."""

    payment_id: int
    trans_id: str
    amount_cents: int
    business_short_code: str
    bill_ref_number: str
    assigned_reference: str
    msisdn: str
    first_name: str
    trans_time: str
    receive_time: datetime | None
    outcome: Outcome
    reason: UnmatchedReason | None
    isp_id: int | None
    customer_id: int | None

    @property
    def content_of_money(self) -> tuple[int, str]:
        """Its amount and its shortcode."""
        return self.amount_cents, self.business_short_code.strip()

    def receipt(self) -> Receipt:
        """The answer to a further delivery."""
        return Receipt(self.trans_id, self.outcome, self.reason, self.isp_id, self.customer_id, repeated=True)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry of a payment's timeline as it is on record; `details_json` may be anything in the predecessor's."""

    create_time: datetime | None
    category: str
    message: str
    details_json: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A raw callback beside its payment: the one that was applied, or one that contradicts it."""

    receive_time: datetime
    conflicting: bool
    callback_body: bytes
    source_address: str


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task as an operator sees it.

    `attempts`: tries that were reported on, not leases. While it is open either `lease_expire_time` says until when
    somebody has it, or `due_time` when it is tried next: never in the past. `router_name`, `language`: for
    its messages.
    """

    task_id: int
    kind: TaskKind
    trans_id: str
    state: TaskState
    attempts: int
    create_time: datetime
    due_time: datetime | None
    lease_expire_time: datetime | None
    end_time: datetime | None
    last_error: str
    variant: Variant | None
    work: Work
    router_name: str
    language: Language


@dataclass(frozen=True, slots=True)
class Timeline:
    """A payment with its timeline's entries, its tasks and its deliveries, each in order."""

    payment: StoredPayment
    entries: Sequence[StoredEntry]
    tasks: Sequence[StoredTask]
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class WaitingRouter:
    """A router on which paid lines were tried in vain; `since`: when the first of them was paid for."""

    router_id: int
    name: str
    lines: int
    since: datetime
    last_error: str


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """How many tasks are open or given up, and since when the longest of them is due, or was created."""

    open: Mapping[TaskKind, int]
    given_up: int
    due_since: Mapping[TaskKind, datetime]
    given_up_since: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person: how much of each, and since when."""

    open_callbacks: int
    unmatched_payments: int
    paid_but_not_on: int
    oldest_callback_time: datetime | None
    oldest_unmatched_time: datetime | None
    oldest_line_time: datetime | None
    routers: Sequence[WaitingRouter]
    untellable_customers: int
