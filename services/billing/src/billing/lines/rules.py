"""What is wanted of a line, by the customer's record, the ISP's policy and the time. Pure.

A line is on while it is paid for, and in the grace after that, unless staff or a pause keep it off or the account is
closed. Who has no due date is on: nobody says until when.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from billing import calendar
from billing.payees.rules import Customer, LineReason, LineState, resumed
from billing.policies.rules import LinePolicy, cut_time
from billing.tasks.rules import OF_LINE

MAX_EXTENSION_DAYS = 366
# A task is carried out with what is wanted then, so it never goes stale; one that nobody can do ends some day.
LIFETIME = timedelta(days=365)
# Why staff may keep a line off.
HOLDS = (LineReason.PAUSED, LineReason.BY_STAFF)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a line, and why."""

    state: LineState
    reason: LineReason

    def __str__(self) -> str:
        return f"{self.state} ({self.reason})"


def wanted_of(customer: Customer, policy: LinePolicy, now: datetime) -> Wanted:
    """What the record says at this moment."""
    if customer.closed:
        return Wanted(LineState.OFF, LineReason.CLOSED)
    if customer.hold:
        return Wanted(LineState.OFF, customer.hold)
    due_date = customer.next_payment_date
    if due_date is None or now < calendar.end_of(due_date):
        return Wanted(LineState.ON, LineReason.PAID)
    if now < cut_time(due_date, policy):
        return Wanted(LineState.ON, LineReason.GRACE)
    return Wanted(LineState.OFF, LineReason.UNPAID)


def is_to_be_on(customer: Customer, policy: LinePolicy, now: datetime) -> bool:
    """Whether a line is on for a customer until it is decided anew: as it is noted, or by the predecessor's word, or as
    it will be noted.
    """
    noted = customer.wanted is LineState.ON if customer.wanted else customer.active
    return noted or (customer.next_payment_date is not None and wanted_of(customer, policy, now).state is LineState.ON)


@dataclass(frozen=True, slots=True)
class Switch:
    """A line of which something else is wanted than before, or for another reason. `before`: None: nothing was yet.

    `asks`: whether the router has to be asked: the state is another, or the line itself is.
    """

    customer: Customer
    before: Wanted | None
    after: Wanted
    asks: bool

    @property
    def version(self) -> int:
        """Of what is wanted now."""
        return self.customer.version + self.asks

    @property
    def switched(self) -> Customer:
        """The customer as it is after it."""
        return replace(self.customer, wanted=self.after.state, reason=self.after.reason, version=self.version)


def switch(
    customer: Customer, policy: LinePolicy, now: datetime, *, moved: Collection[int] = (), cuts: bool = True
) -> Switch | None:
    """What changes of what is wanted of a line; None when nothing does. `moved`: who has another line than before.

    Without `cuts` nobody is cut for want of payment: somebody else does that.
    """
    after = wanted_of(customer, policy, now)
    if after.reason is LineReason.UNPAID and not cuts and customer.wanted is not LineState.OFF:
        return None
    before = Wanted(customer.wanted, customer.reason or LineReason.PAID) if customer.wanted else None
    # What its status says is all that is known of a line of which nothing was wanted yet.
    held = before.state if before else (LineState.ON if customer.active else LineState.OFF)
    asks = after.state is not held or customer.customer_id in moved
    return Switch(customer, before, after, asks) if asks or after != before else None


def asked_until(customer: Customer, now: datetime) -> datetime:
    """Until when at least a router is to be asked: for a line that is on until it is not paid for, else for long."""
    long, due_date = now + LIFETIME / 2, customer.next_payment_date
    return min(calendar.end_of(due_date), long) if customer.wanted is LineState.ON and due_date else long


def extended(customer: Customer, days: int, today: date) -> date | None:
    """The due date so many days later, counted from today if it is over; None: there is none, or the calendar ends."""
    if customer.next_payment_date is None:
        return None
    start = max(customer.next_payment_date, today)
    return start + timedelta(days=days) if (date.max - start).days > days else None


def held(customer: Customer, hold: LineReason, today: date) -> Customer:
    """The customer kept off from today on; one who is kept off already stays so from then on."""
    return customer if customer.hold is hold else replace(customer, hold=hold, hold_since=today)


def released(customer: Customer, today: date) -> Customer:
    """The customer kept off no longer: the days that were paid for when a pause began are kept."""
    due_date = customer.next_payment_date
    if customer.hold is LineReason.PAUSED:
        due_date = resumed(due_date, customer.hold_since, today)
    day = customer.due_day if due_date == customer.next_payment_date else None
    return replace(customer, hold=None, hold_since=None, next_payment_date=due_date, due_day=day)


def task_name(customer_id: int, version: int) -> str:
    """What stands for the TransID of a task that follows from what is wanted of a line, and from no payment."""
    return f"{tasks_prefix(customer_id)}{version}"


def tasks_prefix(customer_id: int) -> str:
    """How all of them begin that a customer's line has had."""
    return f"{OF_LINE}{customer_id}-"
