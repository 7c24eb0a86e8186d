"""Lets lines and reconnections follow what was changed: the line, the due date, and whether anybody may be on at all.

A module of its own: it is about tasks, service about records. Whoever has such a task on lease loses it: the report
comes too late.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.changes import store
from billing.changes.rules import Author
from billing.failures import store as failures
from billing.lines import service as lines
from billing.lines.rules import LIFETIME
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.tasks import store as tasks
from billing.tasks.rules import Task, TaskState, follows_payment

_UNFINISHED = {TaskState.OPEN, TaskState.GIVEN_UP}


def follow(
    connection: Connection,
    policy: Policy,
    changed: Sequence[Customer],
    author: Author,
    now: datetime,
    *,
    before: Sequence[Customer] = (),
) -> None:
    """Let the unfinished tasks of changed customers go on with what is on record now, or end; and want of their lines
    what their records say. `before`: as they were, of those of whom more than the due date may be another.
    """
    after = {one.customer_id: one for one in changed}
    moved = [one for one in before if one.line != after[one.customer_id].line]
    of_customer: dict[int, list[Task]] = defaultdict(list)
    for task in _lock(connection, {one.customer_id for one in changed}):
        of_customer[task.customer_id or 0].append(task)
    isps = payees.get_isps(connection, {one.isp_id for one in changed if one.isp_id})
    for customer in changed:
        some = [task for task in of_customer[customer.customer_id] if follows_payment(task.trans_id)]
        others = [task.task_id for task in of_customer[customer.customer_id] if task not in some]
        if customer.line:
            failures.reopen(connection, others, now, now + LIFETIME, customer.line)
        else:  # the next line is asked for anew
            tasks.end(connection, others, TaskState.EXPIRED, now, tried=False)
        isp = isps.get(customer.isp_id or 0)
        if customer.closed or (isp and isp.closed):
            _end(connection, some, "the account was closed", now)
        elif customer.next_payment_date is None or calendar.end_of(customer.next_payment_date) <= now:
            _end(connection, some, "the due date was changed", now)
        elif customer.line:
            expire_time = calendar.end_of(customer.next_payment_date)
            failures.reopen(connection, [task.task_id for task in some], now, expire_time, customer.line)
    other = [one for one in before if one.line_package != after[one.customer_id].line_package]
    lines.settle(connection, policy, changed, author, now, moved={one.customer_id for one in (*moved, *other)})
    lines.ask_sharers(connection, moved, now)


def withdraw(connection: Connection, customer_ids: Collection[int], now: datetime) -> None:
    """End the unfinished tasks of customers whose ISP was closed."""
    _end(connection, _lock(connection, customer_ids), "the ISP was closed", now)
    lines.ask_sharers(connection, payees.get_customers(connection, customer_ids).values(), now)


def resume(connection: Connection, isp_id: int, now: datetime) -> None:
    """Have routers asked again for the lines of an ISP that is open again, where they do not hold what is wanted."""
    customers = payees.lock_customers(connection, store.unconfirmed_of(connection, isp_id))
    lines.ask(connection, customers.values(), now)


def _lock(connection: Connection, customer_ids: Collection[int]) -> list[Task]:
    locked, _ = tasks.lock(connection, store.line_tasks(connection, customer_ids))
    return [task for task in locked.values() if task.state in _UNFINISHED]


def _end(connection: Connection, over: Collection[Task], why: str, now: datetime) -> None:
    tasks.end(connection, [task.task_id for task in over], TaskState.EXPIRED, now, tried=False)
    message = f"The line is not switched on any more: {why}"
    with together(connection) as writes:
        failures.note_errors(writes, dict.fromkeys((task.task_id for task in over), why))
        entries = [TimelineEntry(task.trans_id, "RECONNECTION_FAILED", message) for task in over]
        payments.insert_timeline(writes, entries, now)
