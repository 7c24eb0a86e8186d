"""Previews, applies and undoes bulks, some customers at a time.

Each call of `apply` and `undo` is one transaction of at most BATCH customers; what is done is noted in it, so whoever
calls again goes on where the last one stopped, and nobody is changed twice. A customer whom a payment has locked is
left for a later call.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from secrets import token_hex

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.bulk import rules, store
from billing.bulk.errors import BulkNotFound, BulkOutdated, BulkUndone, InvalidBulk
from billing.bulk.rules import Action, Bulk, BulkState, Member, MemberState, Plan
from billing.bulk.store import Named
from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, Noun
from billing.lines import service as lines
from billing.lines import store as line_store
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policy import Policy

# In one transaction: payments wait for it.
BATCH = 100
SAMPLE = 10
# So many of those who were not changed are named in one answer.
MOST_NAMED = 1000
_READ = 1000


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer as found, and as a bulk would leave it now."""

    old: Customer
    new: Customer


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a bulk would change. `undated`: how many fit, but have no due date to be moved."""

    token: str
    ids: Sequence[int]
    sample: Sequence[Pair]
    total_cents: int
    undated: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A bulk, how many of its customers are in which state, and those who were not changed or not put back."""

    bulk: Bulk
    counts: Mapping[MemberState, int]
    not_changed: Sequence[Named]


def preview(engine: Engine, plan: Plan) -> Preview:
    """Whom a plan means now. Changes nothing. Raises InvalidBulk."""
    if fault := rules.faults(plan):
        raise InvalidBulk(fault)

    def work(connection: Connection) -> Preview:
        today = calendar.today(current_time(connection))
        found = _meant(connection, plan, today)
        pairs = [
            Pair(one, new) for one in found[:SAMPLE] if isinstance(new := rules.changed(plan, one, today), Customer)
        ]
        return Preview(
            rules.write_token(plan, rules.digest(plan, found), token_hex(8)),
            [one.customer_id for one in found],
            pairs,
            rules.total_cents(found),
            store.count_undated(connection, plan.filter, today) if plan.action is Action.EXTEND else 0,
        )

    return transact(engine, work)


def _meant(connection: Connection, plan: Plan, today: date) -> list[Customer]:
    ids = store.find_ids(connection, plan, today)
    lots = (ids[start : start + _READ] for start in range(0, len(ids), _READ))
    found = [one for lot in lots for one in payees.get_customers(connection, lot).values()]
    return sorted(found, key=lambda one: one.customer_id)


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
    found = _meant(connection, plan, calendar.today(now))
    if rules.digest(plan, found) != seen:
        raise BulkOutdated("other customers are meant by now, or their packages have other prices: preview again")
    return store.insert(connection, plan, key, author, [one.customer_id for one in found], now)


def _apply(connection: Connection, policy: Policy, bulk_id: int) -> Progress:
    bulk = _lock(connection, bulk_id)
    if bulk.state in {BulkState.UNDOING, BulkState.UNDONE}:
        raise BulkUndone(f"bulk {bulk_id} is undone: preview again")
    today = calendar.today(current_time(connection))

    def change(customer: Customer, member: Member) -> tuple[Customer | None, Member]:
        new = rules.changed(bulk.plan, customer, today)
        if isinstance(new, str):
            return None, replace(member, state=MemberState.SKIPPED, note=new)
        return new, rules.done(bulk.plan, member, customer, new)

    gone = MemberState.SKIPPED
    _step(connection, policy, bulk, MemberState.DUE, gone, rules.applied_by(bulk), change)
    return _progress(connection, _ended(connection, bulk, MemberState.DUE, BulkState.APPLIED))


def undo(engine: Engine, policy: Policy, bulk_id: int, author: Author) -> Progress:
    """Put back who is still as the bulk left them, or go on with that. Raises BulkNotFound."""
    return transact(engine, lambda connection: _undo(connection, policy, bulk_id, author))


def _undo(connection: Connection, policy: Policy, bulk_id: int, author: Author) -> Progress:
    bulk = _lock(connection, bulk_id)
    if bulk.state in {BulkState.APPLYING, BulkState.APPLIED}:
        store.skip_due(connection, bulk_id, "the bulk was undone before")
        store.set_state(connection, bulk_id, BulkState.UNDOING)

    def change(customer: Customer, member: Member) -> tuple[Customer | None, Member]:
        new = rules.put_back(bulk.plan, customer, member)
        if isinstance(new, str):
            return None, replace(member, state=MemberState.LEFT, note=new)
        return new, replace(member, state=MemberState.UNDONE)

    gone = MemberState.LEFT
    _step(connection, policy, bulk, MemberState.DONE, gone, rules.undone_by(bulk, author), change)
    return _progress(connection, _ended(connection, bulk, MemberState.DONE, BulkState.UNDONE))


def _step(
    connection: Connection,
    policy: Policy,
    bulk: Bulk,
    state: MemberState,
    gone: MemberState,
    author: Author,
    change: Callable[[Customer, Member], tuple[Customer | None, Member]],
) -> None:
    """Change the next customers in a state, but for those who are locked; `gone`: of whom there is no row any more."""
    waiting = store.members(connection, bulk.bulk_id, state, BATCH)
    free = payees.get_customers(connection, line_store.lock_free(connection, waiting))
    there = payees.get_customers(connection, waiting)
    gone_note = "there is no such customer any more"
    kept = [replace(member, state=gone, note=gone_note) for one, member in waiting.items() if one not in there]
    pairs = []
    for one, old in free.items():
        new, member = change(old, waiting[one])
        kept.append(member)
        pairs += [Pair(old, new)] if new else []
    _write(connection, policy, bulk.plan.action, kept, pairs, author)


def _write(
    connection: Connection,
    policy: Policy,
    action: Action,
    kept: Collection[Member],
    pairs: Sequence[Pair],
    author: Author,
) -> None:
    """What became of whom, the customers' new values, their history, and what follows for their lines."""
    now = current_time(connection)
    # The day of the month goes with a date that is given, and is kept so that one customer can be undone as well.
    fields = [rules.FIELDS[action], "due_day"]
    with together(connection) as writes:
        store.keep(writes, kept)
        store.put(writes, action, [one.new for one in pairs])
        for one in pairs:
            told = changes.told(one.old, one.new, changes.changed_fields(one.old, one.new, fields))
            change_store.insert(writes, Noun.CUSTOMER, one.old.customer_id, told, author, now)
    if action is Action.EXTEND:
        lines.settle(connection, policy, [one.new for one in pairs], author, now)


def _ended(connection: Connection, bulk: Bulk, waits: MemberState, after: BulkState) -> Bulk:
    """The bulk as it is now: at its end once nobody waits."""
    if not store.members(connection, bulk.bulk_id, waits, 1):
        store.set_state(connection, bulk.bulk_id, after)
    return _get(connection, bulk.bulk_id, lock=False)


def get(engine: Engine, bulk_id: int) -> Progress:
    """How far a bulk is. Raises BulkNotFound."""
    return transact(engine, lambda connection: _progress(connection, _get(connection, bulk_id, lock=False)))


def _lock(connection: Connection, bulk_id: int) -> Bulk:
    return _get(connection, bulk_id, lock=True)


def _get(connection: Connection, bulk_id: int, *, lock: bool) -> Bulk:
    bulk = store.get(connection, bulk_id, lock=lock)
    if bulk is None:
        raise BulkNotFound(f"there is no bulk {bulk_id}")
    return bulk


def _progress(connection: Connection, bulk: Bulk) -> Progress:
    counts = store.count(connection, bulk.bulk_id)
    return Progress(bulk, counts, store.not_changed(connection, bulk.bulk_id, MOST_NAMED))
