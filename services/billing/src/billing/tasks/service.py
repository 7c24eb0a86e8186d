"""Hands out due tasks. A lease ends by report or by time; each lease raises the task's fencing token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.notices import rules as notices
from billing.notices import service as digests
from billing.notices.rules import Message, Notice, Variant
from billing.payees import store as payees
from billing.payments import store as payments
from billing.payments.timeline import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules, store
from billing.tasks.rules import DueTask, Line, TaskFilter, TaskState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LeasedTask:
    """A leased task: a line to switch, or messages to send."""

    task_id: int
    fencing_token: int
    trans_id: str
    expire_time: datetime
    work: Line | Sequence[Message]


def lease(engine: Engine, policy: Policy, owner: str, duration: timedelta, asked: TaskFilter) -> Sequence[LeasedTask]:
    """Lease due tasks to `owner`. Tasks whose time is over end here, and customers are told."""

    def work(connection: Connection) -> Sequence[LeasedTask]:
        now = current_time(connection)
        due = store.claim_due(connection, now, asked)
        live = _without_early_messages(connection, [task for task in due if task.expire_time > now], now)
        _expire(connection, policy, [task for task in due if task.expire_time <= now], now)
        live = _without_silent(connection, policy, live, now)
        store.lease(connection, [task.task_id for task in live], owner, now + duration)
        with together(connection) as writes:
            payments.insert_timeline(writes, [_asking(task) for task in live if task.is_new_line], now)
        routers = {task.work.router_id for task in live if isinstance(task.work, Notice) and task.work.router_id}
        names = store.router_names(connection, routers)
        return [_leased(task, names) for task in live]

    return transact(engine, work)


def _without_early_messages(connection: Connection, tasks: Sequence[DueTask], now: datetime) -> list[DueTask]:
    """Leave out "your site cannot be reached" of lines that nobody has tried before: we were away, not they."""
    earliest = now + rules.MIN_MESSAGE_DELAY
    waiting = {task.trans_id for task in tasks if task.variant is Variant.WAITING}
    late = {task.trans_id for task in tasks if task.is_new_line and task.create_time + rules.MESSAGE_DELAY < earliest}
    early = store.find_untried(connection, waiting)
    if early | late:
        store.delay_waiting(connection, early | late, earliest)
    return [task for task in tasks if task.variant is not Variant.WAITING or task.trans_id not in early]


def _without_silent(connection: Connection, policy: Policy, tasks: Sequence[DueTask], now: datetime) -> list[DueTask]:
    """Leave out messages whose recipients have all been sent enough in this hour, and those that must wait."""
    fresh = [task for task in tasks if isinstance(task.work, Notice) and task.fencing_token == 0]
    waiting = digests.hold_back(connection, policy, fresh, now)
    live = [task for task in tasks if task.task_id not in waiting]
    return [task for task in live if isinstance(task.work, Line) or task.work.has_recipients]


def _asking(task: DueTask) -> TimelineEntry:
    assert isinstance(task.work, Line)
    details = {"router_id": task.work.router_id, "username": task.work.username}
    message = f"Asking router {task.work.router_id} to enable {task.work.username}"
    return TimelineEntry(task.trans_id, "MIKROTIK_ATTEMPT", message, details)


def _leased(task: DueTask, names: Mapping[int, str]) -> LeasedTask:
    router_name = names.get(task.work.router_id or 0, "")
    work = rules.handed_out(task.task_id, task.trans_id, task.work, task.variant, router_name)
    return LeasedTask(task.task_id, task.fencing_token + 1, task.trans_id, task.expire_time, work)


def _expire(connection: Connection, policy: Policy, tasks: Sequence[DueTask], now: datetime) -> None:
    """End tasks whose time is over: never silently."""
    if not tasks:
        return
    for task in tasks:
        log.warning("task_expired", task_id=task.task_id, trans_id=task.trans_id, last_error=task.last_error)
    store.end(connection, [task.task_id for task in tasks], TaskState.EXPIRED, now, tried=False)
    lines = [task for task in tasks if isinstance(task.work, Line)]
    with together(connection) as writes:
        store.note_errors(writes, dict.fromkeys((task.task_id for task in tasks), "its time ran out"))
        payments.insert_timeline(writes, [_expired_entry(task) for task in tasks], now)
        store.insert(writes, _tell_expired(connection, policy, lines, now), now)


def _tell_expired(
    connection: Connection, policy: Policy, lines: Sequence[DueTask], now: datetime
) -> list[rules.NewTask]:
    """Tell customers and admins, but for those for whom a later payment's task goes on."""
    customers = payees.get_customers(connection, {task.customer_id for task in lines if task.customer_id})
    msisdns = payments.get_msisdns(connection, {task.trans_id for task in lines})
    told = []
    for task in lines:
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
        told.append(rules.message(task.trans_id, notice, now))
    return told


def _expired_entry(task: DueTask) -> TimelineEntry:
    if isinstance(task.work, Line):
        message = "The paid time ended before the router could be switched"
        return TimelineEntry(task.trans_id, "RECONNECTION_FAILED", message, {"error": task.last_error})
    message = "A message could not be handed over within a day and was dropped"
    return TimelineEntry(task.trans_id, "PROCESSING_ERROR", message)
