"""Takes the reports on leased tasks: done, due again, or given up."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from servicekit.database import transact
from servicekit.rpc.errors import RowLocked
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import metrics
from billing.failures import service as failing
from billing.lines import sharing
from billing.lines.sharing import Owners
from billing.locking.halving import by_halves
from billing.locking.rules import Row, RowKind
from billing.locking.service import HeldRows, Locking
from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.payees import store as payees
from billing.payees.rules import Line, LineState
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.tasks import recorded, reported, rules, store
from billing.tasks.rules import (
    ANSWERED,
    CONFIRMED,
    HOPELESS,
    AccessOutcome,
    Attempt,
    NewTask,
    Report,
    Task,
    TaskKind,
    TaskState,
)

log = structlog.get_logger()

# A task and the report on it; those that count, by the tasks' ids.
Reported = tuple[Task, Report]
Live = dict[int, Reported]


def complete(
    engine: Engine, policy: Policy, reports: Sequence[Report], held_rows: HeldRows, caller: str = ""
) -> list[int]:
    """Take reports of `caller`, an identity's name; answers those tasks' ids whose report came too late, or not from
    whoever has the lease, and changed nothing.

    Raises RowLocked when another transaction held a row for too long; then some of the reports may have been taken.
    """

    def take(some: Sequence[Report]) -> list[int]:
        stale, live, now = held_rows.work_around(
            lambda locking: transact(engine, lambda connection: _complete(connection, policy, some, locking, caller))
        )
        _measure(live.values(), now)
        return stale

    try:
        return take(reports)
    except RowLocked as error:
        return by_halves(reports, take, error)


def _complete(
    connection: Connection, policy: Policy, reports: Sequence[Report], locking: Locking, caller: str
) -> tuple[list[int], Live, datetime]:
    tasks, now = store.lock(connection, {report.task_id for report in reports})
    live: Live = {}
    stale = []
    for report in reports:
        task = tasks.get(report.task_id)
        if task is None or not _holds_lease(task, report, caller) or report.task_id in live:
            stale.append(report.task_id)
        else:
            live[report.task_id] = task, report
    if stale:
        log.warning("stale_reports", task_ids=stale, trans_ids=[tasks[one].trans_id for one in stale if one in tasks])
    held, owners = _lock(connection, live, locking)
    failed = [(task, "customer_locked") for task in held]
    failed += [(task, report.detail or "not accepted") for task, report in live.values() if report.accepted is False]
    if failed:
        failing.postpone(connection, failed, now)
    given_back = [report for one, report in live.values() if rules.is_given_back(one, report, owners.customers)]
    given_back += _overtaken(connection, [one for one in live.values() if one[1] not in given_back], owners, now)
    store.release(connection, [report.task_id for report in given_back])
    accepted = [report.task_id for _, report in live.values() if report.accepted]
    store.end(connection, accepted, TaskState.DONE, now, tried=True)
    if on_lines := [one for one in live.values() if one[1].access and one[1] not in given_back]:
        _take_access(connection, policy, on_lines, owners, now)
    return stale, live, now


def _overtaken(connection: Connection, live: Sequence[Reported], owners: Owners, now: datetime) -> list[Report]:
    """Reports of lines that are as was asked, which is not what holds any more; see recorded."""
    doubtful = [task for task, report in live if report.access in CONFIRMED and task.has_waited(now, leases=1)]
    overtaken = recorded.overtaken(connection, doubtful, owners, now) if doubtful else ()
    return [report for task, report in live if task.task_id in overtaken]


def _measure(live: Iterable[Reported], now: datetime) -> None:
    for task, report in live:
        kind = TaskKind.SET_ACCESS if isinstance(task.work, Line) else TaskKind.SEND_MESSAGES
        metrics.REPORTS.labels(kind, report.outcome).inc()
        if report.access in CONFIRMED and rules.follows_payment(task.trans_id):
            metrics.PAYMENT_TO_LINE.observe((now - task.create_time).total_seconds())


def _lock(connection: Connection, live: Live, locking: Locking) -> tuple[list[Task], Owners]:
    """Lock the customers whose lines are as was wanted. Takes out, and answers, those tasks whose customer somebody
    else holds; and the others' customers.
    """
    done = {task_id: task.customer_id or 0 for task_id, (task, report) in live.items() if report.access in CONFIRMED}
    held = [task_id for task_id, customer in done.items() if locking.needs_held([Row(RowKind.CUSTOMER, customer)])]
    taken_out = [live.pop(task_id)[0] for task_id in held]
    customer_ids = {done[task_id] for task_id in done.keys() & live.keys()}
    customers = payees.lock_customers(connection, customer_ids, locking.seconds)
    own = {done[task_id] for task_id, (task, _) in live.items() if task_id in done and task.is_own}
    shared = [one for one in customers.values() if one.customer_id in own or one.wanted is LineState.OFF]
    return taken_out, Owners(customers, sharing.others(connection, shared) if shared else {})


def _holds_lease(task: Task, report: Report, caller: str) -> bool:
    """A report counts only under the task's newest lease, and from whoever has it: an older fencing token means that
    someone else took over.

    One of the wrong kind never counts: handed-over messages say nothing about a line.
    """
    fits = report.accepted is None if isinstance(task.work, Line) else report.access is None
    newest = task.state is TaskState.OPEN and task.fencing_token == report.fencing_token
    return fits and newest and rules.may_report(caller, task.leased_by)


def _take_access(
    connection: Connection, policy: Policy, reported: Sequence[Reported], owners: Owners, now: datetime
) -> None:
    attempts = _attempts(connection, reported)
    answered = {one.task.router_id for one in attempts if one.outcome in ANSWERED}
    store.make_routers_due(connection, answered, now)
    if confirmed := [one for one in attempts if one.outcome in CONFIRMED]:
        _confirm(connection, policy, confirmed, owners, now)
    if hopeless := [one for one in attempts if one.outcome in HOPELESS]:
        failing.give_up(connection, policy, hopeless, now)
    if failed := [one for one in attempts if one.outcome not in CONFIRMED | HOPELESS]:
        failing.postpone_lines(connection, policy, failed, now)


def _attempts(connection: Connection, reported: Sequence[Reported]) -> list[Attempt]:
    """What is reported on lines, with the routers' names."""
    told: dict[int, str] = {}
    for task, report in reported:
        told[task.router_id] = report.router_name or told.get(task.router_id, "")
    with together(connection) as writes:
        names = store.learn_router_names(connection, writes, told)
    return [
        Attempt(task, report.access, report.detail, names.get(task.router_id, ""))
        for task, report in reported
        if report.access
    ]


def _confirm(
    connection: Connection, policy: Policy, attempts: Sequence[Attempt], owners: Owners, now: datetime
) -> None:
    """The lines are as is wanted: note it, and tell it once."""
    store.end(connection, [one.task.task_id for one in attempts], TaskState.DONE, now, tried=True)
    if own := [one for one in attempts if one.task.is_own]:
        reported.confirm(connection, policy, own, owners, now)
        attempts = [one for one in attempts if one not in own]
    done = [one.task for one in attempts]
    payees.mark_reported(connection, {task.customer_id for task in done if task.customer_id}, LineState.ON, now)
    with together(connection) as writes:
        trans_ids = {task.trans_id for task in done}
        unsent = store.set_variant(connection, writes, trans_ids, Variant.CONNECTED, now)
        late = [task for task in done if task.trans_id not in unsent]
        payments.insert_timeline(writes, [_success(one) for one in attempts], now)
        store.insert(writes, _tell_reconnected(connection, policy, late, owners, now) if late else [], now)


def _success(one: Attempt) -> TimelineEntry:
    message = "The line is on" if one.outcome is AccessOutcome.CHANGED else "The line was on already"
    return TimelineEntry(one.task.trans_id, "RECONNECTION_SUCCESS", message, one.facts)


def _tell_reconnected(
    connection: Connection, policy: Policy, tasks: Sequence[Task], owners: Owners, now: datetime
) -> list[NewTask]:
    """Tell "you are on" to those who have been told that they must wait; one message a customer."""
    customers = owners.customers
    isps = payees.get_isps(connection, {one.isp_id for one in customers.values() if one.isp_id})
    msisdns = payments.get_msisdns(connection, {task.trans_id for task in tasks})
    latest = {task.customer_id: task for task in tasks}  # the last payment of each customer
    told = []
    for task in latest.values():
        customer = customers.get(task.customer_id or 0)
        if customer is None:
            continue
        isp = isps.get(customer.isp_id or 0)
        notice = Notice(
            event=f"reconnected:{task.task_id}",  # a payment that is placed anew has another task
            facts={
                "trans_id": task.trans_id,
                "due_date": notices.day(customer.next_payment_date),
                "customer": customer.full_name or customer.account_name,
                "account": customer.account_name,
            },
            customer=notices.phone_of(customer, msisdns.get(task.trans_id, "")),
            isp=isp.contact_phone if isp else "",
            admins=policy.admin_phones,
            router_id=task.router_id,
        )
        told.append(rules.message(task.trans_id, notice, now, task.customer_id))
    return told
