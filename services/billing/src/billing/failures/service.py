"""What follows when a task could not be done: given up and told, or due again after a back-off."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing.failures import rules, store
from billing.failures.rules import AWAY, FAULTS, Failed
from billing.notices.rules import Notice, Variant
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import Attempt, NewTask, Task, TaskState

log = structlog.get_logger()


def give_up(connection: Connection, policy: Policy, attempts: Sequence[Attempt], now: datetime) -> None:
    """Nothing that waiting could mend: end the tasks, and have someone look at them."""
    for one in attempts:
        log.warning("line_given_up", trans_id=one.task.trans_id, router_id=one.task.router_id, result=one.outcome)
    tasks.end(connection, [one.task.task_id for one in attempts], TaskState.GIVEN_UP, now, tried=True)
    with together(connection) as writes:
        store.note_errors(writes, {one.task.task_id: _error(one) for one in attempts})
        tasks.set_variant(connection, writes, {one.task.trans_id for one in attempts}, Variant.GIVEN_UP, now)
        payments.insert_timeline(writes, [_failure(one) for one in attempts], now)
        tasks.insert(writes, [_tell_given_up(policy, one, now) for one in attempts], now)


def _error(one: Attempt) -> str:
    return f"{one.outcome}: {one.detail}" if one.detail else str(one.outcome)


def _tell_given_up(policy: Policy, one: Attempt, now: datetime) -> NewTask:
    router = one.router_name or one.task.router_id
    again = "retry the payment" if task_rules.follows_payment(one.task.trans_id) else "fix the line"
    return _tell_admins(policy, one, f"{one.outcome} on router {router}: mend it, then {again}", now)


def _tell_admins(policy: Policy, one: Attempt, text: str, now: datetime) -> NewTask:
    facts = {"trans_id": one.task.trans_id, "error": text}
    notice = Notice(event=f"line_error:{one.task.fencing_token}", facts=facts, admins=policy.admin_phones)
    return task_rules.message(one.task.trans_id, notice, now)


def _failure(one: Attempt) -> TimelineEntry:
    message = f"The line could not be switched on router {one.task.router_id}: {one.outcome}"
    category = "DISCONNECTION_FAILED" if one.task.wants_off else "RECONNECTION_FAILED"
    return TimelineEntry(one.task.trans_id, category, message, one.facts | {"error": one.detail})


def postpone(connection: Connection, errors: Sequence[tuple[Task, str]], now: datetime) -> None:
    """Let tasks be due again, each after a pause of its own."""
    with together(connection) as writes:
        store.fail(connection, writes, [Failed(task, error, now + rules.pause_of(task)) for task, error in errors])


def postpone_lines(connection: Connection, policy: Policy, attempts: Sequence[Attempt], now: datetime) -> None:
    """Let each router's failed tasks wait together, and only one of them probe soon whether an absent router is back.

    The timeline gets an entry for each outcome that a payment had not met before: not one a minute for days, nor when
    two alternate, as a silent router's "timed_out" and the "unreachable" of those who did not try it again yet.
    """
    changed = [one for one in attempts if one.task.last_error.partition(":")[0] != one.outcome]
    news = store.missing_from_timeline(connection, [_failure(one) for one in changed])
    faults = [one for one in changed if one.outcome in FAULTS]
    store.call_it_a_fault(connection, {one.task.trans_id for one in faults})
    new = {entry.trans_id for entry in news}
    told = _tell_faults(connection, policy, [one for one in faults if one.task.trans_id in new], now)
    failed = _failed_lines(attempts, now)
    _schedule_probes(connection, failed, {one.task.task_id for one in attempts if one.outcome in AWAY}, now)
    with together(connection) as writes:
        store.fail(connection, writes, failed)
        payments.insert_timeline(writes, news, now)
        tasks.insert(writes, told, now)


def _tell_faults(connection: Connection, policy: Policy, changed: Sequence[Attempt], now: datetime) -> list[NewTask]:
    """Have the admins told what a router says: once while anything waits for it."""
    known = store.find_faulty(connection, {one.task.router_id for one in changed})
    fresh = {one.task.router_id: one for one in changed if (one.task.router_id, str(one.outcome)) not in known}
    return [_tell_fault(policy, one, now) for one in fresh.values()]


def _tell_fault(policy: Policy, one: Attempt, now: datetime) -> NewTask:
    words = f": {one.detail}" if one.detail else ""
    text = f"{one.outcome} on router {one.router_name or one.task.router_id}{words}"
    return _tell_admins(policy, one, f"{text}. {rules.advice(one.outcome)}", now)


def _failed_lines(attempts: Iterable[Attempt], now: datetime) -> list[Failed]:
    """What becomes of tasks that failed; those of one router are due again at one time."""
    of_router: dict[int, list[Attempt]] = defaultdict(list)
    for one in attempts:
        of_router[one.task.router_id].append(one)
    failed = []
    for some in of_router.values():
        due_time = now + rules.pause_of(*(one.task for one in some))
        failed += [
            Failed(one.task, _error(one) if one.outcome in FAULTS else str(one.outcome), due_time) for one in some
        ]
    return failed


def _schedule_probes(connection: Connection, failed: Iterable[Failed], away: Collection[int], now: datetime) -> None:
    """Have each absent router tried soon, with one of its failed tasks if no other task is due by then.

    One line a router is cheap to try, so it is tried often: when it succeeds, all that wait are due at once.
    """
    soon = now + rules.MAX_PROBE_PAUSE
    probes: dict[int, Failed] = {}
    for one in sorted(failed, key=lambda one: one.task.task_id):
        if one.task.task_id in away and one.due_time > soon:
            probes.setdefault(one.task.router_id, one)
    probed = store.find_probed(connection, {one.task.task_id for one in probes.values()}, soon)
    for one in probes.values():
        if one.task.task_id not in probed:
            one.due_time = now + rules.pause(one.task.failures + 1, rules.MAX_PROBE_PAUSE)
