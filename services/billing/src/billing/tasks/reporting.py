"""Takes reports on leased tasks and decides what follows: done, due again after a back-off, or given up and told.

A module of its own: what a report sets off is longer than leasing, and has nothing in common with it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.locking.rules import Row, RowKind
from billing.locking.service import HeldRows, Locking, by_halves
from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.payees import store as payees
from billing.payments import store as payments
from billing.payments.timeline import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules, store
from billing.tasks.rules import (
    ANSWERED,
    AWAY,
    CONFIRMED,
    HOPELESS,
    AccessOutcome,
    Failed,
    NewTask,
    Report,
    TaskKind,
    TaskState,
    TaskUnderReport,
)  # fmt: skip

log = structlog.get_logger()

# A task and the report on it; those that count, by the tasks' ids; the routers' names by their ids.
Reported = tuple[TaskUnderReport, Report]
Live = dict[int, Reported]
Names = Mapping[int, str]


def complete(engine: Engine, policy: Policy, reports: Sequence[Report], held_rows: HeldRows) -> list[int]:
    """Take reports; answers the ids of those tasks whose report came too late and changed nothing.

    Raises RowLocked when another transaction held a row for too long; then some of the reports may have been taken.
    """

    def take(some: Sequence[Report]) -> list[int]:
        return held_rows.work_around(
            lambda locking: transact(engine, lambda connection: _complete(connection, policy, some, locking))
        )

    return by_halves(reports, take)


def _complete(connection: Connection, policy: Policy, reports: Sequence[Report], locking: Locking) -> list[int]:
    now = current_time(connection)
    tasks = store.lock(connection, {report.task_id for report in reports})
    live: Live = {}
    stale = []
    for report in reports:
        task = tasks.get(report.task_id)
        if task is None or not _holds_lease(task, report) or report.task_id in live:
            stale.append(report.task_id)
        else:
            live[report.task_id] = task, report
    _lock_customers(connection, live, now, locking)
    _take_releases(connection, live)
    _take_messages(connection, live, now)
    _take_access(connection, policy, [one for one in live.values() if one[1].access], now)
    if stale:
        log.warning("stale_reports", task_ids=stale)
    return stale


def _lock_customers(connection: Connection, live: Live, now: datetime, locking: Locking) -> None:
    """Lock whose lines are on. Reports on customers whom another transaction holds are taken out: to be tried again."""
    on = {task_id: task.customer_id or 0 for task_id, (task, report) in live.items() if report.access in CONFIRMED}
    waiting = [task_id for task_id, customer in on.items() if locking.needs_held([Row(RowKind.CUSTOMER, customer)])]
    later = [live[task_id][0] for task_id in waiting]
    for task_id in waiting:
        del live[task_id], on[task_id]
    payees.lock_by_id(connection, set(on.values()), locking.seconds)
    with together(connection) as writes:
        failed = [Failed(task, "customer_locked", now + _pause_of(task)) for task in later]
        store.fail(connection, writes, failed)


def _holds_lease(task: TaskUnderReport, report: Report) -> bool:
    """A report counts only under the task's newest lease: an older fencing token means that someone else took over.

    One of the wrong kind never counts: handed-over messages say nothing about a line.
    """
    fits = report.accepted is None if task.kind is TaskKind.SET_ACCESS else report.access is None
    return fits and task.state is TaskState.OPEN and task.fencing_token == report.fencing_token and task.is_leased


def _take_releases(connection: Connection, live: Live) -> None:
    released = [report for _, report in live.values() if report.access is None and report.accepted is None]
    store.release(connection, (report.task_id for report in released))


def _take_messages(connection: Connection, live: Live, now: datetime) -> None:
    accepted = [report.task_id for _, report in live.values() if report.accepted]
    store.end(connection, accepted, TaskState.DONE, now, tried=True)
    refused = [
        Failed(task, report.detail or "not accepted", now + _pause_of(task))
        for task, report in live.values()
        if report.accepted is False
    ]
    with together(connection) as writes:
        store.fail(connection, writes, refused)


def _pause_of(*tasks: TaskUnderReport) -> timedelta:
    """How long tasks wait that failed together, and may have failed before."""
    return rules.pause(max(task.failures for task in tasks) + 1)


def _take_access(connection: Connection, policy: Policy, reported: Sequence[Reported], now: datetime) -> None:
    if not reported:
        return
    told: dict[int, str] = {}
    for task, report in reported:
        told[task.router_id] = report.router_name or told.get(task.router_id, "")
    with together(connection) as writes:
        names = store.learn_router_names(connection, writes, told)
    answered = {task.router_id for task, report in reported if report.access in ANSWERED}
    store.make_routers_due(connection, answered, now)
    _confirm(connection, policy, [one for one in reported if one[1].access in CONFIRMED], names, now)
    _give_up(connection, policy, [one for one in reported if one[1].access in HOPELESS], names, now)
    _postpone(connection, [one for one in reported if one[1].access not in CONFIRMED | HOPELESS], names, now)


def _confirm(connection: Connection, policy: Policy, reported: Sequence[Reported], names: Names, now: datetime) -> None:
    """The lines are on: note it, and tell it once."""
    if not reported:
        return
    done = [task for task, _ in reported]
    store.end(connection, [task.task_id for task in done], TaskState.DONE, now, tried=True)
    payees.mark_reconnected(connection, {task.customer_id for task in done if task.customer_id}, now)
    with together(connection) as writes:
        trans_ids = {task.trans_id for task in done}
        unsent = store.set_variant(connection, writes, trans_ids, Variant.CONNECTED, now)
        late = [task for task in done if task.trans_id not in unsent]
        payments.insert_timeline(writes, [_success(one, names) for one in reported], now)
        store.insert(writes, _tell_reconnected(connection, policy, late, now), now)


def _success(reported: Reported, names: Names) -> TimelineEntry:
    task, report = reported
    how = "The line is on" if report.access is AccessOutcome.CHANGED else "The line was on already"
    return TimelineEntry(task.trans_id, "RECONNECTION_SUCCESS", how, _details(reported, names))


def _details(reported: Reported, names: Names) -> dict[str, object]:
    task, report = reported
    return {"router_id": task.router_id, "router": names.get(task.router_id, ""), "result": report.access}


def _tell_reconnected(
    connection: Connection, policy: Policy, tasks: Sequence[TaskUnderReport], now: datetime
) -> list[NewTask]:
    """Tell "you are on" to those who have been told that they must wait; one message a customer."""
    if not tasks:
        return []
    customers = payees.get_customers(connection, {task.customer_id for task in tasks if task.customer_id})
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
            event="reconnected",
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
        told.append(rules.message(task.trans_id, notice, now))
    return told


def _give_up(connection: Connection, policy: Policy, reported: Sequence[Reported], names: Names, now: datetime) -> None:
    """Nothing that waiting could mend: end the tasks, and have someone look at them."""
    if not reported:
        return
    for task, report in reported:
        log.warning("line_given_up", trans_id=task.trans_id, router_id=task.router_id, result=report.access)
    store.end(connection, [task.task_id for task, _ in reported], TaskState.GIVEN_UP, now, tried=True)
    with together(connection) as writes:
        store.note_errors(writes, {task.task_id: _error(report) for task, report in reported})
        trans_ids = {task.trans_id for task, _ in reported}
        store.set_variant(connection, writes, trans_ids, Variant.GIVEN_UP, now)
        payments.insert_timeline(writes, [_failure(one, names) for one in reported], now)
        store.insert(writes, [_tell_given_up(policy, one, names, now) for one in reported], now)


def _error(report: Report) -> str:
    return f"{report.access}: {report.detail}" if report.detail else str(report.access)


def _tell_given_up(policy: Policy, reported: Reported, names: Names, now: datetime) -> NewTask:
    task, report = reported
    router = names.get(task.router_id) or task.router_id
    text = f"{report.access} on router {router}: mend it, then retry the payment"
    notice = notices.of_error(f"line_error:{task.fencing_token}", task.trans_id, text, policy.admin_phones)
    return rules.message(task.trans_id, notice, now)


def _failure(reported: Reported, names: Names) -> TimelineEntry:
    task, report = reported
    message = f"The line could not be switched on router {task.router_id}: {report.access}"
    details = _details(reported, names) | {"error": report.detail}
    return TimelineEntry(task.trans_id, "RECONNECTION_FAILED", message, details)


def _postpone(connection: Connection, reported: Sequence[Reported], names: Names, now: datetime) -> None:
    """Let each router's failed tasks wait together, and only one of them probe soon whether an absent router is back.

    The timeline gets an entry for each outcome that a payment had not met before: not one a minute for days, nor when
    two alternate, as a silent router's "timed_out" and the "unreachable" of those who did not try it again yet.
    """
    if not reported:
        return
    changed = [one for one in reported if one[0].last_error != str(one[1].access)]
    news = payments.missing_from_timeline(connection, [_failure(one, names) for one in changed])
    failed = _failed_lines(reported, now)
    _schedule_probes(connection, failed, {task.task_id for task, report in reported if report.access in AWAY}, now)
    with together(connection) as writes:
        store.fail(connection, writes, failed)
        payments.insert_timeline(writes, news, now)


def _failed_lines(reported: Iterable[Reported], now: datetime) -> list[Failed]:
    """What becomes of tasks that failed; those of one router are due again at one time."""
    of_router: dict[int, list[Reported]] = defaultdict(list)
    for one in reported:
        of_router[one[0].router_id].append(one)
    failed = []
    for some in of_router.values():
        due_time = now + _pause_of(*(task for task, _ in some))
        failed += [Failed(task, str(report.access), due_time) for task, report in some]
    return failed


def _schedule_probes(connection: Connection, failed: Iterable[Failed], away: Collection[int], now: datetime) -> None:
    """Have each absent router tried soon, with one of its failed tasks if no other task is due by then."""
    soon = now + rules.MAX_PROBE_PAUSE
    probes: dict[int, Failed] = {}
    for one in sorted(failed, key=lambda one: one.task.task_id):
        if one.task.task_id in away and one.due_time > soon:
            probes.setdefault(one.task.router_id, one)
    probed = store.find_probed(connection, {one.task.task_id for one in probes.values()}, soon)
    for one in probes.values():
        if one.task.task_id not in probed:
            one.due_time = now + rules.probe_pause(one.task.failures + 1)
