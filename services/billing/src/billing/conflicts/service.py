"""Keeps deliveries that contradict the first one of their TransID, and has the admins told."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing.conflicts import store
from billing.locking.rules import Row, RowKind
from billing.locking.service import Locking
from billing.notices.rules import Notice
from billing.payments import store as payments
from billing.payments.rules import Content, Payment, TimelineEntry
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks

log = structlog.get_logger()

# Of each payment: whoever knows one TransID must not fill the database with it. Further ones are only logged.
MAX_KEPT = 10


@dataclass(frozen=True, slots=True)
class _Conflict:
    """A contradiction that is new; `number` counts its payment's, from 1."""

    payment: Payment
    first: Content
    number: int

    @property
    def second(self) -> Content:
        return self.payment.content

    @property
    def is_kept(self) -> bool:
        return self.number <= MAX_KEPT


def report(
    connection: Connection,
    policy: Policy,
    first: Mapping[str, Content],
    contradicting: Collection[Payment],
    now: datetime,
    locking: Locking,
) -> None:
    """Keep each new contradiction beside the first delivery and tell the admins; the same one only once.

    `first`: the content that counts, by TransID.
    """
    trans_ids = {payment.trans_id for payment in contradicting}
    # Else two conflicts at once would get one number, and notify would take the second message for the first.
    locking.queue(Row(RowKind.PAYMENT, trans_id) for trans_id in trans_ids)
    store.lock_payments(connection, trans_ids, locking.seconds)
    new = list(_new(contradicting, first, store.find_reported(connection, trans_ids)))
    for one in new:
        facts = {"first": str(one.first), "second": str(one.second), "kept": one.is_kept}
        log.warning("payment_conflict", trans_id=one.payment.trans_id, **facts)
    kept = [one for one in new if one.is_kept]
    with together(connection) as writes:
        payments.insert_deliveries(writes, [one.payment for one in kept], now, conflicting=True)
        entries = [_entry(one) for one in kept]
        payments.insert_timeline(writes, entries, now)
        tasks.insert(writes, [_tell(one, policy, now) for one in kept], now)


def _new(
    contradicting: Collection[Payment], first: Mapping[str, Content], reported: set[tuple[str, str]]
) -> Iterator[_Conflict]:
    numbers = Counter(trans_id for trans_id, _ in reported)
    seen = set(reported)
    for payment in contradicting:
        key = (payment.trans_id, str(payment.content)[:255])
        if key not in seen:
            seen.add(key)
            numbers[payment.trans_id] += 1
            yield _Conflict(payment, first[payment.trans_id], numbers[payment.trans_id])


def _entry(one: _Conflict) -> TimelineEntry:
    message = "Delivered again with other content: nothing applied"
    facts = {"error": "conflict", "first": str(one.first), "second": str(one.second)}
    return TimelineEntry(one.payment.trans_id, "PROCESSING_ERROR", message, facts)


def _tell(one: _Conflict, policy: Policy, now: datetime) -> task_rules.NewTask:
    facts = {"trans_id": one.payment.trans_id, "first": str(one.first), "second": str(one.second)}
    notice = Notice(event=f"conflict:{one.number}", facts=facts, admins=policy.admin_phones)
    return task_rules.message(one.payment.trans_id, notice, now)
