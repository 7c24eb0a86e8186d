"""Who is reminded when, and what is said. Pure.

A reminder belongs to a due date and to a day that is so far from it: it is told on that day or never.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from servicekit.money import grouped

from billing import calendar
from billing.calendar import NAIROBI
from billing.notices import rules as notices
from billing.notices.rules import Notice
from billing.payees.rules import Customer, Isp
from billing.policies.rules import LinePolicy, is_quiet
from billing.policy import Policy

# What is said of a due date, and no longer true once that has moved.
REMINDER, OVERDUE, SWITCHED_OFF = "reminder", "overdue", "switched_off"
EVENTS = frozenset({REMINDER, OVERDUE, SWITCHED_OFF})
# The policy's fields that decide on reminders.
FIELDS = ("reminder_days", "reminder_hour", "quiet_from", "quiet_until")
# How long it is known who was reminded: longer than any reminder is away from its due date.
KEPT = timedelta(days=60)


def due_dates(policy: LinePolicy, now: datetime) -> Sequence[date]:
    """The due dates of which people are to be reminded at this moment."""
    local = now.astimezone(NAIROBI)
    if local.hour < policy.reminder_hour or is_quiet(local.hour, policy):
        return ()
    return [local.date() - timedelta(days=offset) for offset in policy.reminder_days]


def first_decent_time(policy: LinePolicy, now: datetime) -> datetime:
    """Now, or when it is quiet no longer."""
    local = now.astimezone(NAIROBI)
    if not is_quiet(local.hour, policy):
        return now
    end = datetime.combine(local.date(), time(policy.quiet_until), NAIROBI)
    return (end if end > now else end + timedelta(days=1)).astimezone(UTC)


def expire_time(policy: LinePolicy, now: datetime) -> datetime:
    """Until when a reminder of this moment may be sent: until it is quiet, or the day is over."""
    today = calendar.today(now)
    end = calendar.end_of(today)
    if policy.quiet_from == policy.quiet_until:
        return end
    quiet = datetime.combine(today, time(policy.quiet_from), NAIROBI)
    return min(end, quiet) if quiet > now else end


def notice_of(customer: Customer, today: date, paybill: str, kept_cents: int = 0) -> Notice:
    """What is told to a customer who has a due date. `paybill`: where to pay; `kept_cents`: the customer's credit."""
    overdue = customer.next_payment_date is not None and customer.next_payment_date < today
    return _notice(OVERDUE if overdue else REMINDER, customer, paybill, kept_cents)


def is_covered(customer: Customer, policy: Policy, kept_cents: int) -> bool:
    """Whether a customer's credit pays for the next month by itself: nobody is asked for money then."""
    return policy.manages_lines and kept_cents >= (customer.package_cents or 0)


def switched_off(customer: Customer, paybill: str, kept_cents: int = 0) -> Notice:
    """What is told to a customer whose line was switched off because it is not paid for."""
    return _notice(SWITCHED_OFF, customer, paybill, kept_cents)


def _notice(event: str, customer: Customer, paybill: str, kept_cents: int) -> Notice:
    package = customer.package_cents or 0
    # Where lines are not ours to manage, credit is spent when somebody pays: one that would do needs that all the same.
    missing = package - max(kept_cents, 0) if kept_cents < package else package
    facts = {
        "due_date": notices.day(customer.next_payment_date),
        "amount": grouped(missing),
        "paybill": paybill or "-",
        "account": customer.account_name,
    }
    return Notice(event, facts, customer=notices.phone_of(customer))


def is_true(notice: Notice, customer: Customer | None, isp: Isp | None) -> bool:
    """Whether what is told of a due date still holds for the customer and the ISP as they are on record now."""
    if customer is None or customer.closed or customer.hold or (isp and isp.closed):
        return False
    return notice.facts["due_date"] == notices.day(customer.next_payment_date)
