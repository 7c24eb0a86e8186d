"""Leases due tasks, and says with each what is to be done: how routers are to have a line, or which messages to send.

A lease ends by report or by time; each lease raises the task's fencing token. See service for the reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from servicekit.database import transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.decisions import store as decisions
from billing.failures import expiring
from billing.notices.composing import Message
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Line, LineReason
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policies.rules import LinePolicy, OffWay
from billing.policy import Policy
from billing.tasks import recorded, store, telling
from billing.tasks.rules import MESSAGE_DELAY, MIN_MESSAGE_DELAY, VERBS, Task, TaskFilter


@dataclass(frozen=True, slots=True)
class Limit:
    """A profile and an address list: of a line that is on those it shall have and not be on, of one that is off those
    that limit it. Empty: neither is looked at; a line that is off is disabled then.
    """

    profile: str = ""
    address_list: str = ""


NO_LIMIT = Limit()


@dataclass(frozen=True, slots=True)
class LeasedTask:
    """A leased task: a line to switch, or messages to send."""

    task_id: int
    fencing_token: int
    trans_id: str
    expire_time: datetime
    work: Line | Sequence[Message]
    limit: Limit = NO_LIMIT


def lease(engine: Engine, policy: Policy, owner: str, duration: timedelta, asked: TaskFilter) -> Sequence[LeasedTask]:
    """Lease due tasks to `owner`. Tasks whose time is over end here, and customers are told."""

    def work(connection: Connection) -> Sequence[LeasedTask]:
        due, now = store.claim_due(connection, asked)
        if now is None:
            return ()
        if over := [task for task in due if task.expire_time <= now]:
            expiring.expire(connection, policy, over, now)
        lines = [task for task in due if task.expire_time > now and isinstance(task.work, Line)]
        notices = [task for task in due if task.expire_time > now and isinstance(task.work, Notice)]
        if notices:
            notices = telling.sendable(connection, policy, notices, now)
        if any(task.has_waited(now) for task in lines):
            lines = recorded.switchable(connection, lines, asked.busy_router_ids, now)
        store.lease(connection, [task.task_id for task in lines + notices], owner, now + duration)
        _begin(connection, [task for task in lines if task.fencing_token == 0], now)
        told = telling.compose(connection, notices) if notices else {}
        limits = _limits(connection, lines)
        return [
            *(_leased(one, one.work, limits.get(one.task_id, NO_LIMIT)) for one in lines if isinstance(one.work, Line)),
            *(_leased(one, told[one.task_id]) for one in notices),
        ]

    return transact(engine, work)


def _begin(connection: Connection, new: Sequence[Task], now: datetime) -> None:
    """Note that lines are asked for for the first time; if that is late, what is told of them waits for the answer."""
    earliest = now + MIN_MESSAGE_DELAY
    if late := {task.trans_id for task in new if task.create_time + MESSAGE_DELAY < earliest}:
        store.delay_waiting(connection, late, earliest)
    with together(connection) as writes:
        payments.insert_timeline(writes, [_asking(task) for task in new], now)


def _asking(task: Task) -> TimelineEntry:
    assert isinstance(task.work, Line)
    details = {"router_id": task.work.router_id, "username": task.work.username}
    message = f"Asking router {task.work.router_id} to {VERBS[task.work.wanted]} {task.work.username}"
    return TimelineEntry(task.trans_id, "MIKROTIK_ATTEMPT", message, details)


def _leased(task: Task, work: Line | Sequence[Message], limit: Limit = NO_LIMIT) -> LeasedTask:
    return LeasedTask(task.task_id, task.fencing_token + 1, task.trans_id, task.expire_time, work, limit)


def _limits(connection: Connection, tasks: Sequence[Task]) -> Mapping[int, Limit]:
    """Of those of these tasks of lines for which something was decided, by id."""
    whose = {task.task_id: task.kept_on_for or task.customer_id or 0 for task in tasks}
    customer_ids = set(whose.values())
    decided = decisions.decided(connection, ("off", "profile", "former_list"), customer_ids) if tasks else None
    if decided is None or not (decided.isps or decided.customers):
        return {}
    customers = payees.get_customers(connection, customer_ids)
    found = {}
    for task in tasks:
        if customer := customers.get(whose[task.task_id]):
            policy = decided.of(customer)
            unpaid = customer.reason is LineReason.UNPAID
            found[task.task_id] = _limit(policy, off=task.wants_off, unpaid=unpaid)
    return found


def _limit(policy: LinePolicy, *, off: bool, unpaid: bool) -> Limit:
    """What holds for a line. Who is paused, cut by staff or closed is off altogether: limits are for the unpaid."""
    if off and not unpaid:
        return Limit()
    address_list = policy.off.name if policy.off.way is OffWay.ADDRESS_LIST else ""
    if not off:
        return Limit(policy.profile, address_list or policy.former_list)
    return Limit(policy.off.name if policy.off.way is OffWay.PROFILE else "", address_list)
