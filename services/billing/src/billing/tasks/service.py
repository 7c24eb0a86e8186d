"""Hands out due tasks. A lease ends by report or by time; each lease raises the task's fencing token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.notices import rules as notices
from billing.notices import service as digests
from billing.notices.rules import Message, Notice, Variant
from billing.payments import store as payments
from billing.payments.timeline import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import Kind, Line, State, Wanted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Task:
    """A leased task: a line to switch, or messages to send."""

    task_id: int
    fencing_token: int
    trans_id: str
    expire_time: datetime
    work: Line | Sequence[Message]


def lease(engine: Engine, policy: Policy, owner: str, duration: timedelta, wanted: Wanted) -> Sequence[Task]:
    """Lease due tasks to `owner`. Tasks whose time is over end here, and customers are told."""

    def work(connection: Connection) -> Sequence[Task]:
        now = current_time(connection)
        rows = tasks.claim_due(connection, now, wanted)
        live = _without_early_messages(connection, [row for row in rows if row.expire_time > now], now)
        _expire(connection, policy, [row for row in rows if row.expire_time <= now], now)
        notices_ = _take_notices(connection, policy, live, now)
        live = [row for row in live if row.kind == Kind.SET_ACCESS or _has_recipients(notices_.get(row.id))]
        tasks.lease(connection, [row.id for row in live], owner, now + duration)
        with together(connection) as writes:
            payments.insert_timeline(writes, [_attempt(row) for row in live if _is_first_attempt(row)], now)
        return [_task(row, notices_.get(row.id)) for row in live]

    return transact(engine, work)


def _take_notices(connection: Connection, policy: Policy, rows: Sequence[Any], now: datetime) -> dict[int, Notice]:
    """What message tasks have to tell, without those who have been sent enough in this hour; by the tasks' ids.

    Without those that must wait.
    """
    messages = [(row, _notice(row)) for row in rows if row.kind == Kind.SEND_MESSAGES]
    fresh = [(row, notice) for row, notice in messages if row.fencing_token == 0]
    waiting = digests.hold_back(connection, policy, fresh, now)
    return {row.id: notice for row, notice in messages if row.id not in waiting}


def _without_early_messages(connection: Connection, rows: Sequence[Any], now: datetime) -> list[Any]:
    """Leave out "your site cannot be reached" of lines that nobody has tried before: we were away, not they."""
    first = [row for row in rows if _is_first_attempt(row)]
    waiting = {row.trans_id for row in rows if row.variant == Variant.WAITING}
    late = {row.trans_id for row in first if row.create_time + task_rules.GRACE < now + task_rules.PATIENCE}
    early = tasks.find_untried(connection, waiting)
    if early | late:
        tasks.delay_waiting(connection, early | late, now + task_rules.PATIENCE)
    return [row for row in rows if row.variant != Variant.WAITING or row.trans_id not in early]


def _is_first_attempt(row: Any) -> bool:
    return bool(row.kind == Kind.SET_ACCESS and row.fencing_token == 0)


def _attempt(row: Any) -> TimelineEntry:
    line = line_of(row)
    message = f"Asking router {line.router_id} to enable {line.username}"
    return TimelineEntry(
        row.trans_id, "MIKROTIK_ATTEMPT", message, {"router_id": line.router_id, "username": line.username}
    )


def _has_recipients(notice: Notice | None) -> bool:
    return notice is not None and notice.has_recipients


def _task(row: Any, notice: Notice | None) -> Task:
    work = _compose(row, notice) if notice else line_of(row)
    return Task(row.id, row.fencing_token + 1, row.trans_id, row.expire_time, work)


def line_of(row: Any) -> Line:
    """The line of an access task's row."""
    return Line(row.router_id, orjson.loads(row.payload)["username"])


def messages_of(row: Any) -> list[Message]:
    """The messages of a message task's row, as they read now."""
    return _compose(row, _notice(row))


def _notice(row: Any) -> Notice:
    return Notice(**orjson.loads(row.payload))


def _compose(row: Any, notice: Notice) -> list[Message]:
    if row.router_name:
        notice.facts["router"] = row.router_name
    return notices.compose(row.trans_id or f"task-{row.id}", notice, row.variant)


def _expire(connection: Connection, policy: Policy, rows: Sequence[Any], now: datetime) -> None:
    """End tasks whose time is over: never silently."""
    if not rows:
        return
    tasks.end(connection, [row.id for row in rows], State.EXPIRED, now, "its time ran out")
    lines = [row for row in rows if row.kind == Kind.SET_ACCESS]
    customers = accounts.get_customers(connection, {row.customer_id for row in lines if row.customer_id})
    for row in rows:
        log.warning("task_expired", task_id=row.id, kind=row.kind, trans_id=row.trans_id, last_error=row.last_error)
    msisdns = payments.get_msisdns(connection, {row.trans_id for row in lines})
    told = []
    for row in lines:
        customer = customers.get(row.customer_id)
        if customer and customer.next_payment_date and calendar.end_of(customer.next_payment_date) > now:
            continue  # a later payment's task goes on
        error = f"not reconnected in the paid time: {row.last_error or 'no try'}"
        notice = Notice(
            event=f"expired:{row.fencing_token}",  # a retried task may expire again
            facts={"trans_id": row.trans_id, "error": error},
            customer=notices.phone_of(customer, msisdns.get(row.trans_id, "")) if customer else "",
            admins=policy.admin_phones,
        )
        told.append(task_rules.message(row.trans_id, notice, now))
    with together(connection) as writes:
        payments.insert_timeline(writes, [_expired_entry(row) for row in rows], now)
        tasks.insert(writes, told, now)


def _expired_entry(row: Any) -> TimelineEntry:
    if row.kind == Kind.SET_ACCESS:
        message = "The paid time ended before the router could be switched"
        return TimelineEntry(row.trans_id, "RECONNECTION_FAILED", message, {"error": row.last_error})
    return TimelineEntry(
        row.trans_id, "PROCESSING_ERROR", "A message could not be handed over within a day and was dropped"
    )


def count(engine: Engine) -> dict[tuple[str, str], int]:
    """How many tasks are open or given up, by (kind, state)."""
    return transact(engine, tasks.count)
