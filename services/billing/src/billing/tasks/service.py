"""Hands out due tasks. A lease ends by report or by time; each lease raises the task's fencing token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.notices import service as digests
from billing.notices.rules import Message, Notice, Variant
from billing.payments import store as payments
from billing.payments.timeline import TimelineEntry
from billing.policy import Policy
from billing.tasks import expiring, rules, store
from billing.tasks.rules import Line, Task, TaskFilter


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
        if over := [task for task in due if task.expire_time <= now]:
            expiring.expire(connection, policy, over, now)
        live = _without_silent(connection, policy, live, now)
        store.lease(connection, [task.task_id for task in live], owner, now + duration)
        with together(connection) as writes:
            payments.insert_timeline(writes, [_asking(task) for task in live if task.is_new_line], now)
        routers = {task.work.router_id for task in live if isinstance(task.work, Notice) and task.work.router_id}
        names = store.router_names(connection, routers)
        return [_leased(task, names) for task in live]

    return transact(engine, work)


def _without_early_messages(connection: Connection, tasks: Sequence[Task], now: datetime) -> list[Task]:
    """Leave out "your site cannot be reached" of lines that nobody has tried before: we were away, not they."""
    earliest = now + rules.MIN_MESSAGE_DELAY
    waiting = {task.trans_id for task in tasks if task.variant is Variant.WAITING}
    late = {task.trans_id for task in tasks if task.is_new_line and task.create_time + rules.MESSAGE_DELAY < earliest}
    early = store.find_untried(connection, waiting)
    if early | late:
        store.delay_waiting(connection, early | late, earliest)
    return [task for task in tasks if task.variant is not Variant.WAITING or task.trans_id not in early]


def _without_silent(connection: Connection, policy: Policy, tasks: Sequence[Task], now: datetime) -> list[Task]:
    """Leave out messages whose recipients have all been sent enough in this hour, and those that must wait."""
    fresh = [task for task in tasks if isinstance(task.work, Notice) and task.fencing_token == 0]
    waiting = digests.hold_back(connection, policy, fresh, now)
    live = [task for task in tasks if task.task_id not in waiting]
    return [task for task in live if isinstance(task.work, Line) or task.work.has_recipients]


def _asking(task: Task) -> TimelineEntry:
    assert isinstance(task.work, Line)
    details = {"router_id": task.work.router_id, "username": task.work.username}
    message = f"Asking router {task.work.router_id} to enable {task.work.username}"
    return TimelineEntry(task.trans_id, "MIKROTIK_ATTEMPT", message, details)


def _leased(task: Task, names: Mapping[int, str]) -> LeasedTask:
    router_name = names.get(task.work.router_id or 0, "")
    work = rules.handed_out(task.task_id, task.trans_id, task.work, task.variant, router_name)
    return LeasedTask(task.task_id, task.fencing_token + 1, task.trans_id, task.expire_time, work)
