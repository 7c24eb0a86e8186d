"""What follows when a router holds what a line's own task was about: noted, and the customer told.

A module of its own: most reports are on lines that a payment switched on, and do not come here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from servicekit.writes import together
from sqlalchemy import Connection

from billing.lines.sharing import Owners
from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.reminders import service as reminding
from billing.tasks import store
from billing.tasks.rules import AccessOutcome, Attempt


def confirm(connection: Connection, policy: Policy, attempts: Sequence[Attempt], owners: Owners, now: datetime) -> None:
    """Note which lines are on and which off, and tell the customers for whom that changed."""
    customers = owners.customers
    for state in LineState:
        done = {one.task.customer_id or 0 for one in attempts if one.task.wants_off == (state is LineState.OFF)}
        sharers = {one.customer_id for some in done for one in owners.sharers.get(some, ()) if one.wanted is state}
        payees.mark_reported(connection, (done & customers.keys()) | sharers, state, now)
    cut = [customers[one.task.customer_id or 0] for one in attempts if _is_to_hear(one, customers)]
    told = reminding.of_switched_off(connection, policy, cut, now)
    with together(connection) as writes:
        payments.insert_timeline(writes, [_entry(one) for one in attempts], now)
        store.insert(writes, told, now)


def _entry(one: Attempt) -> TimelineEntry:
    state, already = ("off", "was off") if one.task.wants_off else ("on", "was on")
    message = f"The line is {state}" if one.outcome is AccessOutcome.CHANGED else f"The line {already} already"
    category = "DISCONNECTION_SUCCESS" if one.task.wants_off else "RECONNECTION_SUCCESS"
    return TimelineEntry(one.task.trans_id, category, message, one.facts)


def _is_to_hear(one: Attempt, customers: Mapping[int, Customer]) -> bool:
    """Who was cut for want of payment, and was on until then: by the router's word, or by what was known of the line,
    for a first report may have been lost. Staff tell those whom they cut, pause or give days.
    """
    customer = customers.get(one.task.customer_id or 0)
    if customer is None or customer.reason is not LineReason.UNPAID or not one.task.wants_off:
        return False
    return one.outcome is AccessOutcome.CHANGED or customer.active
