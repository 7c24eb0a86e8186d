"""Bounds what messages cost: so many of a topic go to a recipient one by one in an hour, and a digest tells the rest.

Counts when a message is leased for the first time, not when its payment is recorded: taking money in waits for no
count. Counted in the database, so that it holds for any number of processes. Nothing is dropped: what was not sent
singly is in the digest's count and in the payment's log.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from servicekit.writes import Writes, together
from sqlalchemy import Connection

from billing.notices import store, throttle
from billing.notices.rules import Notice
from billing.notices.throttle import ADMINS, Share, Tally, Topic
from billing.payments import store as payments
from billing.payments.rules import TimelineEntry
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import NewTask, Task, TaskState

log = structlog.get_logger()

HOUR = timedelta(hours=1)
# Callbacks that could not be read: told soon after the first one, and not again before this has passed.
COLLECTED = timedelta(seconds=10)
BETWEEN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Held:
    """A share of a task's notice that is left to the digest of a tally."""

    task: Task
    share: Share
    tally: Tally


def hour_of(now: datetime) -> datetime:
    """The beginning of the hour in which messages are counted together."""
    return now.replace(minute=0, second=0, microsecond=0)


def hold_back(connection: Connection, policy: Policy, fresh: Iterable[Task], now: datetime) -> set[int]:
    """Strike from notices whoever has been sent enough in this hour; a task that is left with nobody to tell ends.

    `fresh`: message tasks that nobody leased before. Answers the ids of those that must wait, because another
    transaction is counting the same messages: they are to be left as they are.
    """
    notices = [(task, task.work) for task in fresh if isinstance(task.work, Notice)]
    shares = [(task, share) for task, notice in notices for share in throttle.shares(notice, task.variant)]
    shares = [(task, share) for task, share in shares if throttle.limit(policy, share.topic)]
    if not shares:
        return set()
    hour = hour_of(now)
    locked = store.lock_free(connection, {(share.topic, share.recipient) for _, share in shares}, hour)
    waiting = {task.task_id for task, share in shares if (share.topic, share.recipient) not in locked}
    held = _count(policy, [(task, share) for task, share in shares if task.task_id not in waiting], locked, hour)
    with together(connection) as writes:
        if held:
            _leave_to_digests(connection, writes, held, hour + HOUR, now)
        store.save(writes, locked.values())
    return waiting


def _count(
    policy: Policy, shares: Sequence[tuple[Task, Share]], locked: Mapping[store.Key, Tally], hour: datetime
) -> list[_Held]:
    """Count messages as sent, as long as there are not too many; answers the others."""
    for tally in locked.values():
        if tally.since != hour:
            tally.begin(hour)
    held = []
    for task, share in shares:
        tally = locked[share.topic, share.recipient]
        if tally.sent < throttle.limit(policy, share.topic):
            tally.sent += 1
        else:
            held.append(_Held(task, share, tally))
    return held


def _leave_to_digests(
    connection: Connection, writes: Writes, held: Sequence[_Held], until: datetime, now: datetime
) -> None:
    amounts = store.get_amounts(connection, {one.task.trans_id for one in held})
    _forget_digests_under_way(connection, {one.tally.tally_id: one.tally for one in held}.values())
    told: dict[int, tuple[_Held, Notice]] = {}
    for one in held:
        one.tally.hold_back(1, amounts.get(one.task.trans_id, 0))
        told[one.tally.tally_id] = one, one.share.strike()
    tasks.set_notices(writes, {one.task.task_id: one.share.notice for one in held})
    silent = {one.task.task_id for one in held if not one.share.notice.has_recipients}
    tasks.end(connection, silent, TaskState.DONE, now, tried=False)
    payments.insert_timeline(writes, [_left_out(one, until) for one in held], now)
    for one, whom in told.values():
        digest = throttle.digest(one.tally, whom, until)
        _write_digest(connection, writes, one.tally, digest, until, now, one.task.customer_id)
    for topic, count in Counter(one.share.topic for one in held).items():
        log.warning("messages_left_to_digest", topic=topic, messages=count)


def _left_out(one: _Held, until: datetime) -> TimelineEntry:
    message = f"Enough messages of this kind were sent in this hour: a digest tells the {one.share.role}"
    facts = {"told": one.share.role, "digest_at": until.isoformat()}
    return TimelineEntry(one.task.trans_id, "LEFT_TO_DIGEST", message, facts)


def _forget_digests_under_way(connection: Connection, of: Collection[Tally]) -> None:
    """A digest that is leased already can say no more than it does."""
    digests = store.lock_digests(connection, {tally.digest_id for tally in of})
    for tally in of:
        digest = digests.get(tally.digest_id)
        if tally.digest_id and not (digest and digest.still_waits):
            tally.begin_digest()


def _write_digest(
    connection: Connection,
    writes: Writes,
    tally: Tally,
    notice: Notice,
    due_time: datetime,
    now: datetime,
    customer_id: int | None = None,
) -> None:
    if tally.digest_id:
        tasks.set_notices(writes, {tally.digest_id: notice})
    else:
        told = customer_id if notice.customer else None
        task = NewTask("", notice, due_time, due_time + task_rules.MESSAGE_LIFETIME, told)
        tally.digest_id = tasks.insert_one(connection, task, now)


def tell_unreadable(connection: Connection, policy: Policy, count: int, now: datetime) -> None:
    """Have the admins told of callbacks that were put in quarantine: with those of ten minutes, in one message."""
    if not policy.admin_phones:
        return
    tally = store.lock(connection, (Topic.UNREADABLE, ADMINS), now)
    last = store.lock_digests(connection, {tally.digest_id}).get(tally.digest_id)
    if not (last and last.still_waits):
        tally.begin(now)
    due_time = max(now + COLLECTED, last.time + BETWEEN) if last else now + COLLECTED
    tally.hold_back(count, 0)
    notice = throttle.digest(tally, Notice("", {}, admins=policy.admin_phones), now)
    with together(connection) as writes:
        _write_digest(connection, writes, tally, notice, due_time, now)
        store.save(writes, [tally])
