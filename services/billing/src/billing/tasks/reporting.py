"""Takes reports on leased tasks and decides what follows: done, due again after a pause, or given up and told."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts import store as accounts
from billing.accounts.rules import Customer, Isp
from billing.locking.rules import Row, RowKind
from billing.locking.service import HeldRows, Locking, by_halves
from billing.notices import rules as notices
from billing.notices.rules import Notice, Variant
from billing.payments import store as payments
from billing.payments.timeline import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import Failed, Kind, NewTask, State

log = structlog.get_logger()


class AccessOutcome(StrEnum):
    """How switching a line went; router-control's words."""

    CHANGED = "changed"
    ALREADY_SO = "already_so"
    NO_SUCH_SECRET = "no_such_secret"  # noqa: S105
    UNREACHABLE = "unreachable"
    LOGIN_REFUSED = "login_refused"
    NOT_PERMITTED = "not_permitted"
    TIMED_OUT = "timed_out"
    NO_SUCH_ROUTER = "no_such_router"
    ROUTER_ERROR = "router_error"
    CERTIFICATE_CHANGED = "certificate_changed"


CONFIRMED = frozenset({AccessOutcome.CHANGED, AccessOutcome.ALREADY_SO})
# The router itself answered: it is there for the others too.
ANSWERED = CONFIRMED | {AccessOutcome.NO_SUCH_SECRET}
# The router is fine and says no: trying again does not help until someone changes a record.
HOPELESS = frozenset({AccessOutcome.NO_SUCH_SECRET, AccessOutcome.NO_SUCH_ROUTER})
# The router may be back any moment. One that refuses our login is there, and may lock out who tries too often.
AWAY = frozenset({AccessOutcome.UNREACHABLE, AccessOutcome.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Report:
    """How one leased task went. Exactly one of the three: an access result, accepted or not, or released."""

    task_id: int
    fencing_token: int
    detail: str = ""
    access: AccessOutcome | None = None
    router_name: str = ""
    accepted: bool | None = None


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
    rows = tasks.lock(connection, {report.task_id for report in reports})
    live: dict[int, Report] = {}
    stale = []
    for report in reports:
        row = rows.get(report.task_id)
        if row is None or not _holds_lease(row, report) or report.task_id in live:
            stale.append(report.task_id)
        else:
            live[report.task_id] = report
    _lock_customers(connection, live, rows, now, locking)
    _take_releases(connection, live.values())
    _take_messages(connection, live.values(), rows, now)
    _take_access(connection, policy, live.values(), rows, now)
    if stale:
        log.warning("stale_reports", task_ids=stale)
    return stale


def _lock_customers(
    connection: Connection, live: dict[int, Report], rows: Mapping[int, Any], now: datetime, locking: Locking
) -> None:
    """Lock whose lines are on. Reports on customers whom another transaction holds are taken out: to be tried again."""
    on = {task_id: rows[task_id].customer_id or 0 for task_id, report in live.items() if report.access in CONFIRMED}
    waiting = [task_id for task_id, customer in on.items() if locking.needs_held([Row(RowKind.CUSTOMER, customer)])]
    for task_id in waiting:
        del live[task_id], on[task_id]
    accounts.lock_by_id(connection, set(on.values()), locking.seconds)
    with together(connection) as writes:
        later = [Failed(rows[task_id], "customer_locked", now + _pause_of(rows[task_id])) for task_id in waiting]
        tasks.fail(writes, later)


def _holds_lease(row: Any, report: Report) -> bool:
    """A report counts only under the task's newest lease: an older fencing token means that someone else took over.

    One of the wrong kind never counts: handed-over messages say nothing about a line.
    """
    fits = report.accepted is None if row.kind == Kind.SET_ACCESS else report.access is None
    return bool(
        fits and row.state == State.OPEN and row.fencing_token == report.fencing_token and row.leased_by is not None
    )


def _take_releases(connection: Connection, reports: Iterable[Report]) -> None:
    released = [report for report in reports if report.access is None and report.accepted is None]
    tasks.release(connection, (report.task_id for report in released))


def _take_messages(connection: Connection, reports: Iterable[Report], rows: Mapping[int, Any], now: datetime) -> None:
    handed_over = [report for report in reports if report.accepted is not None]
    tasks.end(connection, (report.task_id for report in handed_over if report.accepted), State.DONE, now)
    refused = [
        Failed(rows[report.task_id], report.detail or "not accepted", now + _pause_of(rows[report.task_id]))
        for report in handed_over
        if not report.accepted
    ]
    with together(connection) as writes:
        tasks.fail(writes, refused)


def _pause_of(*rows: Any) -> timedelta:
    """How long tasks wait that failed together, and may have failed before."""
    return task_rules.pause(_failures_of(rows))


def _failures_of(rows: Iterable[Any]) -> int:
    return max(int(row.failures) for row in rows) + 1


def _take_access(
    connection: Connection, policy: Policy, reports: Iterable[Report], rows: Mapping[int, Any], now: datetime
) -> None:
    reports = [report for report in reports if report.access is not None]
    answered = {rows[report.task_id].router_id for report in reports if report.access in ANSWERED}
    tasks.make_routers_due(connection, answered, now)
    _confirm(connection, policy, [report for report in reports if report.access in CONFIRMED], rows, now)
    _give_up(connection, policy, [report for report in reports if report.access in HOPELESS], rows, now)
    failed = [report for report in reports if report.access not in CONFIRMED | HOPELESS]
    _postpone(connection, failed, rows, now)


def _confirm(
    connection: Connection, policy: Policy, reports: Sequence[Report], rows: Mapping[int, Any], now: datetime
) -> None:
    """The lines are on: note it, and tell it once."""
    if not reports:
        return
    done = [rows[report.task_id] for report in reports]
    routers = {rows[report.task_id].trans_id: report.router_name for report in reports}
    tasks.end(connection, [row.id for row in done], State.DONE, now)
    accounts.mark_reconnected(connection, {row.customer_id for row in done if row.customer_id}, now)
    with together(connection) as writes:
        unsent = tasks.tell_variant(connection, writes, routers, Variant.CONNECTED, now)
        late = [row for row in done if row.trans_id not in unsent]
        payments.insert_timeline(writes, [_success(rows[report.task_id], report) for report in reports], now)
        tasks.insert(writes, _tell_reconnected(connection, policy, late, routers, now), now)


def _success(row: Any, report: Report) -> TimelineEntry:
    how = "The line is on" if report.access is AccessOutcome.CHANGED else "The line was on already"
    details = {"router_id": row.router_id, "router": report.router_name, "result": report.access}
    return TimelineEntry(row.trans_id, "RECONNECTION_SUCCESS", how, details)


def _tell_reconnected(
    connection: Connection, policy: Policy, rows: Sequence[Any], routers: Mapping[str, str], now: datetime
) -> list[NewTask]:
    """Tell "you are on" to those who have been told that they must wait; one message a customer."""
    if not rows:
        return []
    customers, isps = _parties(connection, rows)
    msisdns = payments.get_msisdns(connection, {row.trans_id for row in rows})
    latest = {row.customer_id: row for row in rows}  # the last payment of each customer
    told = []
    for row in latest.values():
        customer = customers.get(row.customer_id)
        if customer is None:
            continue
        isp = isps.get(customer.isp_id or 0)
        notice = Notice(
            event="reconnected",
            facts={
                "trans_id": row.trans_id,
                "due_date": notices.day(customer.next_payment_date),
                "customer": customer.full_name or customer.account_name,
                "account": customer.account_name,
                "router": routers[row.trans_id] or str(row.router_id),
            },
            customer=notices.phone_of(customer, msisdns.get(row.trans_id, "")),
            isp=isp.contact_phone if isp else "",
            admins=policy.admin_phones,
        )
        told.append(task_rules.message(row.trans_id, notice, now))
    return told


def _parties(connection: Connection, rows: Collection[Any]) -> tuple[Mapping[int, Customer], Mapping[int, Isp]]:
    customers = accounts.get_customers(connection, {row.customer_id for row in rows if row.customer_id})
    isp_ids = {customer.isp_id for customer in customers.values() if customer.isp_id}
    return customers, accounts.get_isps(connection, isp_ids)


def _give_up(
    connection: Connection, policy: Policy, reports: Sequence[Report], rows: Mapping[int, Any], now: datetime
) -> None:
    """Nothing that waiting could mend: end the tasks, and have someone look at them."""
    if not reports:
        return
    for report in reports:
        row = rows[report.task_id]
        log.warning("line_given_up", trans_id=row.trans_id, router_id=row.router_id, result=report.access)
    errors = {report.task_id: _words(report) for report in reports}
    routers = {rows[report.task_id].trans_id: report.router_name for report in reports}
    with together(connection) as writes:
        tasks.give_up(writes, errors, now)
        tasks.tell_variant(connection, writes, routers, Variant.GIVEN_UP, now)
        payments.insert_timeline(writes, [_failure(rows[report.task_id], report) for report in reports], now)
        tasks.insert(writes, [_tell_given_up(policy, rows[report.task_id], report, now) for report in reports], now)


def _words(report: Report) -> str:
    return f"{report.access}: {report.detail}" if report.detail else str(report.access)


def _tell_given_up(policy: Policy, row: Any, report: Report, now: datetime) -> NewTask:
    text = f"{report.access} on router {report.router_name or row.router_id}: mend it, then retry the payment"
    notice = notices.of_error(f"line_error:{row.fencing_token}", row.trans_id, text, policy.admin_phones)
    return task_rules.message(row.trans_id, notice, now)


def _failure(row: Any, report: Report) -> TimelineEntry:
    details = {"router_id": row.router_id, "router": report.router_name, "result": report.access}
    message = f"The line could not be switched on router {row.router_id}: {report.access}"
    return TimelineEntry(row.trans_id, "RECONNECTION_FAILED", message, details | {"error": report.detail})


def _postpone(connection: Connection, reports: Sequence[Report], rows: Mapping[int, Any], now: datetime) -> None:
    """Let each router's failed tasks wait together, and only one of them look soon whether an absent router is back.

    The debug log gets a row for each result that a payment had not met before: not one a minute for days, nor when
    two take turns, as a silent router's "timed_out" and the "unreachable" of those who did not try it again yet.
    """
    if not reports:
        return
    changed = [report for report in reports if rows[report.task_id].last_error != str(report.access)]
    news = payments.missing_from_timeline(connection, [_failure(rows[report.task_id], report) for report in changed])
    names = {rows[report.task_id].trans_id: report.router_name for report in changed if report.router_name}
    failed = _failed_lines(reports, rows, now)
    _send_scouts(connection, failed, {report.task_id for report in reports if report.access in AWAY}, now)
    with together(connection) as writes:
        tasks.fail(writes, failed)
        payments.insert_timeline(writes, news, now)
        tasks.name_routers(connection, writes, names)


def _failed_lines(reports: Iterable[Report], rows: Mapping[int, Any], now: datetime) -> list[Failed]:
    """What becomes of tasks that failed; those of one router are due again at one time."""
    of_router: dict[int, list[Report]] = defaultdict(list)
    for report in reports:
        of_router[rows[report.task_id].router_id].append(report)
    failed = []
    for some in of_router.values():
        due_time = now + _pause_of(*(rows[report.task_id] for report in some))
        failed += [Failed(rows[report.task_id], str(report.access), due_time) for report in some]
    return failed


def _send_scouts(connection: Connection, failed: Iterable[Failed], away: Collection[int], now: datetime) -> None:
    """Have each absent router tried soon, with one of its failed tasks if no other task is due by then."""
    soon = now + task_rules.MAX_SCOUT_PAUSE
    scouts: dict[int, Failed] = {}
    for one in sorted(failed, key=lambda one: one.row.id):
        if one.row.id in away and one.due_time > soon:
            scouts.setdefault(one.row.router_id, one)
    watched = tasks.find_watched(connection, {one.row.id for one in scouts.values()}, soon)
    for one in scouts.values():
        if one.row.id not in watched:
            one.due_time = now + task_rules.scout_pause(_failures_of([one.row]))
