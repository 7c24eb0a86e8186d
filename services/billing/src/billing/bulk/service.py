"""Previews, applies, undoes and lists bulks.

Each call of `apply` and `undo` is one transaction of at most BATCH customers; what is done is noted in it, so whoever
calls again goes on where the last one stopped, and nobody is changed, or told, twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from secrets import token_hex

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.announcements import rules as announcements
from billing.bulk import changing, effects, messaging, rules, store
from billing.bulk.changing import Pair
from billing.bulk.errors import BulkNotFound, BulkOutdated, BulkUndone, InvalidBulk
from billing.bulk.rules import Action, Bulk, BulkState, MemberState, Plan
from billing.bulk.store import Named
from billing.changes.rules import Author
from billing.credits.rules import SMS_CREDIT_CENTS
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policy import Policy
from servicekit import segments

# In one transaction: payments wait for it.
BATCH = 100
SAMPLE = 10
# So many of those who were not changed are named in one answer.
MOST_NAMED = 1000
_READ = 1000


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a bulk would change. `undated`: how many fit, but have no due date to be moved; `left_out`: how many others
    fit and are not meant, by why. `overdue`: how many who would be given days are not paid for today; `sms_count`: how
    many SMS a message takes for all of them.
    """

    token: str
    ids: Sequence[int]
    sample: Sequence[Pair]
    total_cents: int
    undated: int
    left_out: Mapping[str, int]
    overdue: int
    sms_count: int

    @property
    def cost_cents(self) -> int:
        """What the SMS cost, at the price of credits."""
        return self.sms_count * SMS_CREDIT_CENTS


@dataclass(frozen=True, slots=True)
class Progress:
    """A bulk, how many of its customers are in which state, and those who were not changed or not put back.

    `handed_over`: how many messages were handed over to be sent.
    """

    bulk: Bulk
    counts: Mapping[MemberState, int]
    not_changed: Sequence[Named] = ()
    handed_over: int = 0


def preview(engine: Engine, plan: Plan) -> Preview:
    """Whom a plan means now. Changes nothing. Raises InvalidBulk."""
    if fault := rules.faults(plan):
        raise InvalidBulk(fault)

    def work(connection: Connection) -> Preview:
        today = calendar.today(current_time(connection))
        found, left_out = _meant(connection, plan, today)
        changed = ((one, effects.changed(plan, one, today)) for one in found[:SAMPLE])
        return Preview(
            rules.write_token(plan, rules.digest(plan, found), token_hex(8)),
            [one.customer_id for one in found],
            [Pair(one, new) for one, new in changed if isinstance(new, Customer)],
            rules.total_cents(found),
            store.count_undated(connection, plan.filter, today) if plan.action is Action.EXTEND else 0,
            left_out,
            sum(_is_overdue(plan, one, today) for one in found),
            _sms_count(plan, found),
        )

    return transact(engine, work)


def _is_overdue(plan: Plan, customer: Customer, today: date) -> bool:
    due_date = customer.next_payment_date
    return plan.action is Action.EXTEND and due_date is not None and due_date < today


def _sms_count(plan: Plan, found: Sequence[Customer]) -> int:
    if plan.action is not Action.MESSAGE:
        return 0
    return sum(segments.count(announcements.filled(plan.text, one)) for one in found)


def _meant(connection: Connection, plan: Plan, today: date) -> tuple[list[Customer], Mapping[str, int]]:
    """Who is meant, by id; and how many others fit, by why they are not."""
    ids = store.find_ids(connection, plan, today)
    lots = (ids[start : start + _READ] for start in range(0, len(ids), _READ))
    fitting = [one for lot in lots for one in payees.get_customers(connection, lot).values()]
    notes = {one.customer_id: effects.left_out(plan, one) for one in fitting}
    meant = [one for one in fitting if not notes[one.customer_id]]
    return sorted(meant, key=lambda one: one.customer_id), Counter(filter(None, notes.values()))


def apply(engine: Engine, policy: Policy, token: str, author: Author) -> Progress:
    """Begin what a preview showed, or go on with it. `author`: of the first call.

    Raises InvalidBulk, BulkOutdated, BulkUndone.
    """
    seen = rules.read_token(token)
    if seen is None or (fault := rules.faults(seen[0])):
        raise InvalidBulk("token: that is none of a preview" if seen is None else fault)
    bulk_id = transact(engine, lambda connection: _begin(connection, token, *seen, author))
    return transact(engine, lambda connection: _apply(connection, policy, bulk_id))


def _begin(connection: Connection, token: str, plan: Plan, seen: str, author: Author) -> int:
    key = rules.key_of(token)
    if begun := store.find(connection, key):
        return begun
    now = current_time(connection)
    found, _ = _meant(connection, plan, calendar.today(now))
    if rules.digest(plan, found) != seen:
        raise BulkOutdated("other customers are meant by now, or their packages have other prices: preview again")
    return store.insert(connection, plan, key, author, [one.customer_id for one in found], now)


def _apply(connection: Connection, policy: Policy, bulk_id: int) -> Progress:
    bulk = _get(connection, bulk_id, lock=True)
    if bulk.state in {BulkState.UNDOING, BulkState.UNDONE}:
        raise BulkUndone(f"bulk {bulk_id} is undone: preview again")
    if bulk.plan.action is Action.MESSAGE:
        messaging.send(connection, bulk, BATCH)
    else:
        changing.make(connection, policy, bulk, BATCH)
    return _progress(connection, _ended(connection, bulk, MemberState.DUE, BulkState.APPLIED))


def undo(engine: Engine, policy: Policy, bulk_id: int, author: Author) -> Progress:
    """Put back who is still as the bulk left them, or go on with that. Raises BulkNotFound."""
    return transact(engine, lambda connection: _undo(connection, policy, bulk_id, author))


def _undo(connection: Connection, policy: Policy, bulk_id: int, author: Author) -> Progress:
    bulk = _get(connection, bulk_id, lock=True)
    if bulk.state in {BulkState.APPLYING, BulkState.APPLIED}:
        store.skip_due(connection, bulk_id, "the bulk was undone before")
        store.set_state(connection, bulk_id, BulkState.UNDOING)
    if bulk.plan.action is Action.MESSAGE:
        messaging.withdraw(connection, bulk, BATCH)
    else:
        changing.put_back(connection, policy, bulk, author, BATCH)
    return _progress(connection, _ended(connection, bulk, MemberState.DONE, BulkState.UNDONE))


def _ended(connection: Connection, bulk: Bulk, waits: MemberState, after: BulkState) -> Bulk:
    """The bulk as it is now: at its end once nobody waits."""
    if not store.members(connection, bulk.bulk_id, waits, 1):
        store.set_state(connection, bulk.bulk_id, after)
    return _get(connection, bulk.bulk_id, lock=False)


def get(engine: Engine, bulk_id: int) -> Progress:
    """How far a bulk is. Raises BulkNotFound."""
    return transact(engine, lambda connection: _progress(connection, _get(connection, bulk_id, lock=False)))


def list_bulks(engine: Engine, before_id: int, limit: int) -> list[Progress]:
    """All bulks, newest first, before one unless that is 0; nobody is named."""

    def work(connection: Connection) -> list[Progress]:
        found = store.list_bulks(connection, before_id, limit)
        counts = store.count(connection, [one.bulk_id for one in found])
        return [Progress(one, counts.get(one.bulk_id, {})) for one in found]

    return transact(engine, work)


def _get(connection: Connection, bulk_id: int, *, lock: bool) -> Bulk:
    bulk = store.get(connection, bulk_id, lock=lock)
    if bulk is None:
        raise BulkNotFound(f"there is no bulk {bulk_id}")
    return bulk


def _progress(connection: Connection, bulk: Bulk) -> Progress:
    counts = store.count(connection, [bulk.bulk_id]).get(bulk.bulk_id, {})
    handed_over = store.count_handed_over(connection, bulk.bulk_id) if bulk.plan.action is Action.MESSAGE else 0
    return Progress(bulk, counts, store.not_changed(connection, bulk.bulk_id, MOST_NAMED), handed_over)
