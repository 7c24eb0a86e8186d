"""What a task is, what may be reported on it, what a payment leaves to do, and when that is due. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from billing import calendar
from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.payees.rules import Customer, Line, LineState
from billing.payments.settlement import Assigned, Settlement

# How long the customer's message waits for the router, so that one SMS can tell the whole truth.
MESSAGE_DELAY = timedelta(seconds=10)
# What of it is left at least when the router is asked for the first time, however late that is.
MIN_MESSAGE_DELAY = timedelta(seconds=5)
MESSAGE_LIFETIME = timedelta(days=1)
_LESSEE_LENGTH = 100
OF_LINE = "LINE-"  # instead of a TransID, see lines.rules; no TransID has a dash


def follows_payment(trans_id: str) -> bool:
    """Whether a task's TransID is one."""
    return not trans_id.startswith(OF_LINE)


class TaskKind(StrEnum):
    """What a task asks for."""

    SET_ACCESS = "set_access"
    SEND_MESSAGES = "send_messages"


class TaskState(StrEnum):
    """How far a task got."""

    OPEN = "open"
    DONE = "done"
    GIVEN_UP = "given_up"
    EXPIRED = "expired"


class AccessOutcome(StrEnum):
    """How making a line what is wanted went; router-control's terms."""

    CHANGED = "changed"
    ALREADY_SO = "already_so"
    NO_SUCH_SECRET = "no_such_secret"  # noqa: S105
    UNREACHABLE = "unreachable"
    LOGIN_REFUSED = "login_refused"
    NOT_PERMITTED = "not_permitted"
    TIMED_OUT = "timed_out"
    NO_SUCH_ROUTER = "no_such_router"
    ROUTER_ERROR = "router_error"
    CERTIFICATE_CHANGED = "certificate_changed"
    NO_SUCH_PROFILE = "no_such_profile"
    NO_FIXED_ADDRESS = "no_fixed_address"


CONFIRMED = frozenset({AccessOutcome.CHANGED, AccessOutcome.ALREADY_SO})
VERBS = {LineState.ON: "enable", LineState.OFF: "disable"}
# The router itself answered: it is there for the others too.
ANSWERED = CONFIRMED | {AccessOutcome.NO_SUCH_SECRET}
# The router is fine and says no: trying again does not help until someone changes a record.
HOPELESS = frozenset({AccessOutcome.NO_SUCH_SECRET, AccessOutcome.NO_SUCH_ROUTER})


Work = Line | Notice


def payload_of(work: Work) -> str:
    """What a task keeps of its work, as JSON; a line's router, and what is wanted of it, have columns of their own."""
    return orjson.dumps({"username": work.username} if isinstance(work, Line) else work).decode()


def work_of(router_id: int | None, payload: str, wanted: str | None, version: int | None) -> Work:
    """The work of a stored task."""
    fields = orjson.loads(payload)
    if router_id is None:
        return Notice(**fields)
    return Line(router_id, fields["username"], LineState(wanted or LineState.ON), version or 0)


@dataclass(slots=True)
class NewTask:
    """A task to be written with its payment; `work` decides its kind."""

    trans_id: str
    work: Work
    due_time: datetime
    expire_time: datetime
    customer_id: int | None = None
    variant: Variant | None = None

    @property
    def kind(self) -> TaskKind:
        return TaskKind.SET_ACCESS if isinstance(self.work, Line) else TaskKind.SEND_MESSAGES

    @property
    def has_work(self) -> bool:
        """False when there is nobody to tell: no admins are named, no number is on record."""
        return isinstance(self.work, Line) or self.work.has_recipients


def lessee(owner: str, caller: str) -> str:
    """Who has a lease, as its task remembers it: who it says it is, and who it is proven to be, if anybody is.

    `caller`: the name of an identity; no blank is in it, so `owner` can pretend nothing. At most 100 characters.
    """
    proven = f" as {caller}" if caller else ""
    return owner[: _LESSEE_LENGTH - len(proven)] + proven


def may_report(caller: str, leased_by: str | None) -> bool:
    """Whether a caller's report counts; where nobody can prove who calls, anybody's on a task that is leased."""
    return leased_by is not None and (not caller or leased_by.endswith(f" as {caller}"))


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks are asked for: at most `limit`, of these kinds, and none of the routers the asker is busy with."""

    limit: int
    kinds: Sequence[TaskKind] = tuple(TaskKind)
    busy_router_ids: AbstractSet[int] = frozenset()


# Not frozen: Python takes three times as long to make one that is.
@dataclass(slots=True)
class Task:
    """A task whose row is locked. `fencing_token`: of its newest lease; 0 when there was none. `failures`: in a row."""

    task_id: int
    trans_id: str
    customer_id: int | None
    variant: Variant | None
    work: Work
    state: TaskState
    fencing_token: int
    failures: int
    leased_by: str | None
    expire_time: datetime
    last_error: str
    create_time: datetime
    kept_on_for: int | None = None  # another customer, whose line it is too: see lines.sharing

    @property
    def router_id(self) -> int:
        """The router of the line that it is about; 0: it is about none."""
        return self.work.router_id or 0

    @property
    def wants_off(self) -> bool:
        """Whether the line that it is about is to be off."""
        return isinstance(self.work, Line) and self.work.wanted is LineState.OFF

    @property
    def is_own(self) -> bool:
        """Whether it is a line's own, or what it asks for is: a payment only ever switches on."""
        return self.wants_off or not follows_payment(self.trans_id)

    def has_waited(self, now: datetime, leases: int = 0) -> bool:
        """What is wanted of a line can be read off a payment's task for a moment, and then from its record only.

        `leases`: so many, and it has not waited yet.
        """
        return self.create_time + MESSAGE_DELAY < now or self.fencing_token > leases or self.is_own


@dataclass(frozen=True, slots=True)
class Report:
    """How one leased task went. Exactly one of the three: an access outcome, accepted or not, or released."""

    task_id: int
    fencing_token: int
    detail: str = ""
    access: AccessOutcome | None = None
    router_name: str = ""
    accepted: bool | None = None

    @property
    def outcome(self) -> str:
        """All three in one word."""
        return self.access or {True: "accepted", False: "refused", None: "released"}[self.accepted]


@dataclass(slots=True)
class Attempt:
    """A reported attempt on a line. `router_name`: what reports last called the router; may be empty."""

    task: Task
    outcome: AccessOutcome
    detail: str
    router_name: str

    @property
    def facts(self) -> dict[str, Any]:
        """What a timeline says of it."""
        return {"router_id": self.task.router_id, "router": self.router_name, "result": self.outcome}


def is_given_back(task: Task, report: Report, customers: Mapping[int, Customer]) -> bool:
    """Whether a report leaves its task due as it was: nothing was tried, or the router holds what was wanted when the
    task was leased, and something else is wanted of the line since.
    """
    if not isinstance(task.work, Line) or report.access not in CONFIRMED:
        return report.access is None and report.accepted is None
    customer = customers.get(task.customer_id or 0)
    return customer is not None and customer.version != task.work.version


def of_settlement(
    settlement: Settlement, balance_cents: int, admins: Sequence[str], now: datetime, assigned: Assigned | None = None
) -> Iterator[NewTask]:
    """The tasks of a placed or held payment: the line, if one was paid for, and the messages."""
    trans_id = settlement.payment.trans_id
    customer_id = settlement.customer.customer_id if settlement.customer else None
    if settlement.line and settlement.due_date:
        yield NewTask(trans_id, settlement.line, now, calendar.end_of(settlement.due_date), customer_id)
    notice, variant = notices.of_settlement(settlement, balance_cents, admins)
    if assigned and assigned.moved_before > 1:  # it was placed before, and told: notify sends no id twice
        notice.event += f":{assigned.moved_before}"
    due_time = now + MESSAGE_DELAY if variant is Variant.WAITING else now
    yield NewTask(trans_id, notice, due_time, now + MESSAGE_LIFETIME, customer_id, variant)


def message(trans_id: str, notice: Notice, now: datetime, customer_id: int | None = None) -> NewTask:
    """A task for a notice that is true as it stands. `customer_id`: of the customer who is told, if one is."""
    return NewTask(trans_id, notice, now, now + MESSAGE_LIFETIME, customer_id)
