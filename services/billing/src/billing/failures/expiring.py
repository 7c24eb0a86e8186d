"""Ends tasks whose time is over: never silently."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.failures import store
from billing.notices import rules as notices
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Line
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules
from billing.tasks import store as tasks
from billing.tasks.rules import Task, TaskState

log = structlog.get_logger()


def expire(connection: Connection, policy: Policy, over: Sequence[Task], now: datetime) -> None:
    """End tasks whose time is over, and tell whom it concerns."""
    for task in over:
        log.warning("task_expired", task_id=task.task_id, trans_id=task.trans_id, last_error=task.last_error)
    tasks.end(connection, [task.task_id for task in over], TaskState.EXPIRED, now, tried=False)
    lines = [task for task in over if isinstance(task.work, Line)]
    with together(connection) as writes:
        store.note_errors(writes, dict.fromkeys((task.task_id for task in over), "its time ran out"))
        payments.insert_timeline(writes, [_expired_entry(task) for task in over], now)
        tasks.insert(writes, _tell_expired(connection, policy, lines, now), now)


def _tell_expired(connection: Connection, policy: Policy, lines: Sequence[Task], now: datetime) -> list[rules.NewTask]:
    """Tell customers and admins, but for those for whom a later payment's task goes on."""
    customers = payees.get_customers(connection, {task.customer_id for task in lines if task.customer_id})
    msisdns = payments.get_msisdns(connection, {task.trans_id for task in lines})
    told = []
    for task in lines:
        if not rules.follows_payment(task.trans_id):
            continue  # nobody has waited for it for a year
        customer = customers.get(task.customer_id or 0)
        if customer and customer.next_payment_date and calendar.end_of(customer.next_payment_date) > now:
            continue
        error = f"not reconnected in the paid time: {task.last_error or 'no try'}"
        notice = Notice(
            event=f"expired:{task.fencing_token}",  # a retried task may expire again
            facts={"trans_id": task.trans_id, "error": error},
            customer=notices.phone_of(customer, msisdns.get(task.trans_id, "")) if customer else "",
            admins=policy.admin_phones,
        )
        told.append(rules.message(task.trans_id, notice, now, task.customer_id))
    return told


def _expired_entry(task: Task) -> TimelineEntry:
    if isinstance(task.work, Line):
        message = "The paid time ended before the router could be switched"
        return TimelineEntry(task.trans_id, "RECONNECTION_FAILED", message, {"error": task.last_error})
    message = "A message could not be handed over within a day and was dropped"
    return TimelineEntry(task.trans_id, "PROCESSING_ERROR", message)
