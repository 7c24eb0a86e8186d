"""What follows when a router holds what a line's own task was about: noted, and the customer told.

A module of its own: most reports are on lines that a payment switched on, and do not come here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from servicekit.writes import together
from sqlalchemy import Connection

from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.reminders.rules import switched_off
from billing.tasks import rules, store
from billing.tasks.rules import AccessOutcome, Attempt, NewTask


def confirm(connection: Connection, policy: Policy, attempts: Sequence[Attempt], now: datetime) -> None:
    """Note which lines are on and which off, and tell the customers for whom that changed."""
    for state in LineState:
        done = {one.task.customer_id for one in attempts if one.task.wants_off == (state is LineState.OFF)}
        payees.mark_reported(connection, {one for one in done if one}, state, now)
    customers = payees.get_customers(connection, {one.task.customer_id for one in attempts if one.task.customer_id})
    with together(connection) as writes:
        payments.insert_timeline(writes, [_entry(one) for one in attempts], now)
        store.insert(writes, list(filter(None, (_tell(policy, one, customers, now) for one in attempts))), now)


def _entry(one: Attempt) -> TimelineEntry:
    state, already = ("off", "was off") if one.task.wants_off else ("on", "was on")
    message = f"The line is {state}" if one.outcome is AccessOutcome.CHANGED else f"The line {already} already"
    category = "DISCONNECTION_SUCCESS" if one.task.wants_off else "RECONNECTION_SUCCESS"
    return TimelineEntry(one.task.trans_id, category, message, one.facts)


def _tell(policy: Policy, one: Attempt, customers: Mapping[int, Customer], now: datetime) -> NewTask | None:
    """Who was cut for want of payment is told so. Staff tell those whom they cut, pause or give days."""
    customer = customers.get(one.task.customer_id or 0)
    if customer is None or not one.task.wants_off or customer.reason is not LineReason.UNPAID:
        return None
    if one.outcome is not AccessOutcome.CHANGED:  # it was off already
        return None
    notice = switched_off(customer, policy.paybill)
    return NewTask("", notice, now, now + rules.MESSAGE_LIFETIME, customer.customer_id)
