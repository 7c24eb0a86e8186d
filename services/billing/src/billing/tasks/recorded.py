"""Which line a task is about that has waited: the one that is on record now, whatever it was when the payment came; and
what is to be asked of it, which for a line that several customers have is not what is wanted for one of them.

A module of its own: a line that is switched at once, as most are, does not come here.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from servicekit.writes import together
from sqlalchemy import Connection

from billing.failures import service as failing
from billing.failures import store
from billing.lines import sharing
from billing.lines.sharing import Owners
from billing.payees import store as payees
from billing.payees.rules import Customer, Line, LineState
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.tasks.rules import VERBS, Task, Work

NO_LINE = "no router or username on record"


def switchable(connection: Connection, due: Sequence[Task], busy: AbstractSet[int], now: datetime) -> list[Task]:
    """Those of these locked tasks that can be carried out now, each with its line as it is on record.

    One whose router is busy waits for it; one whose customer has no line any more waits until there is one.
    """
    customers = payees.get_customers(connection, {task.customer_id for task in due if task.customer_id})
    kept_on = sharing.kept_on(connection, customers.values(), now)
    without: dict[int, Task] = {}
    moved = []
    for task in due:
        line = _line(task, customers, kept_on)
        if line is None:
            without[task.task_id] = task
        elif _told(line) != _told(task.work):
            task.work = line
            moved.append(task)
    if without:
        failing.postpone(connection, [(task, NO_LINE) for task in without.values()], now)
    if moved:
        _note(connection, moved, now)
    return [task for task in due if task.task_id not in without and task.router_id not in busy]


def _line(task: Task, customers: Mapping[int, Customer], kept_on: Mapping[int, Customer]) -> Work | None:
    customer = customers.get(task.customer_id or 0)
    if customer is None or customer.line is None:
        return None if customer else task.work
    if other := kept_on.get(customer.customer_id):
        task.kept_on_for = other.customer_id
        return replace(customer.line, wanted=LineState.ON)
    return customer.line


def overtaken(connection: Connection, asked: Collection[Task], owners: Owners, now: datetime) -> set[int]:
    """The ids of those of these tasks whose line is to be otherwise now than was asked for: another customer with the
    line has paid meanwhile, or its time is over.
    """
    customers = [owners.customers[one] for task in asked if (one := task.customer_id or 0) in owners.customers]
    off_ids = {one.customer_id for one in customers if one.wanted is LineState.OFF}
    kept_on = sharing.wanting(connection, {one: owners.sharers.get(one, ()) for one in off_ids}, now)
    off = {one: one not in kept_on for one in off_ids}
    return {task.task_id for task in asked if task.wants_off != off.get(task.customer_id or 0, task.wants_off)}


def _told(work: Work) -> tuple[Work, LineState, int] | None:
    """All that a router is asked for: which line, and what is wanted of it since when."""
    return (work, work.wanted, work.version) if isinstance(work, Line) else None


def _note(connection: Connection, moved: Sequence[Task], now: datetime) -> None:
    """Keep what was changed; the first lease of a line is noted by whoever leases it."""
    store.move(connection, moved)
    with together(connection) as writes:
        entries = [_changed(task) for task in moved if task.fencing_token]
        payments.insert_timeline(writes, entries, now)


def _changed(task: Task) -> TimelineEntry:
    assert isinstance(task.work, Line)
    verb = VERBS[task.work.wanted]
    message = f"Asking router {task.work.router_id} to {verb} {task.work.username}, as it is on record now"
    details = {"router_id": task.work.router_id, "username": task.work.username}
    return TimelineEntry(task.trans_id, "MIKROTIK_ATTEMPT", message, details)
