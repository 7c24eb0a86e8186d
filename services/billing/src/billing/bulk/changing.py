"""Changes the records of a bulk's customers, and puts them back, some at a time.

A customer whom a payment has locked is left for a later call.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.bulk import effects, rules, store
from billing.bulk.rules import Bulk, Member, MemberState
from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, Noun
from billing.lines import service as lines
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policy import Policy

_GONE = "there is no such customer any more"
_Change = Callable[[Customer, Member], Customer | str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer as found, and as a bulk would leave it now."""

    old: Customer
    new: Customer


def make(connection: Connection, policy: Policy, bulk: Bulk, limit: int) -> None:
    """Change the next customers whose turn it is."""
    today = calendar.today(current_time(connection))
    waiting = store.members(connection, bulk.bulk_id, MemberState.DUE, limit)
    kept, pairs = _decide(
        connection, waiting, MemberState.SKIPPED, lambda customer, _: effects.changed(bulk.plan, customer, today)
    )
    kept += [effects.done(bulk.plan, waiting[one.old.customer_id], one.old, one.new) for one in pairs]
    _write(connection, policy, bulk, kept, pairs, rules.applied_by(bulk))


def put_back(connection: Connection, policy: Policy, bulk: Bulk, author: Author, limit: int) -> None:
    """Put back the next customers who are still as the bulk left them."""
    waiting = store.members(connection, bulk.bulk_id, MemberState.DONE, limit)
    others = _changed_by_others(connection, bulk, waiting)

    def before(customer: Customer, member: Member) -> Customer | str:
        if customer.customer_id in others:
            return effects.changed_since(bulk.plan)
        return effects.put_back(bulk.plan, customer, member)

    kept, pairs = _decide(connection, waiting, MemberState.LEFT, before)
    kept += [replace(waiting[one.old.customer_id], state=MemberState.UNDONE) for one in pairs]
    _write(connection, policy, bulk, kept, pairs, rules.undone_by(bulk, author))


def _changed_by_others(connection: Connection, bulk: Bulk, customer_ids: Collection[int]) -> set[int]:
    """Who has a change that came after the bulk's and was not undone, even where the value is the same again."""
    field, mine = effects.name_of(bulk.plan), rules.applied_by(bulk).reason
    found = change_store.list_of_field(connection, Noun.CUSTOMER, customer_ids, field, bulk.create_time)
    return {one for one, made in found.items() if [it.author.reason for it in changes.standing(made)][-1:] != [mine]}


def _decide(
    connection: Connection, waiting: "store.Members", unchanged: MemberState, change: _Change
) -> tuple[list[Member], list[Pair]]:
    """Those of these customers who stay as they are, with why; and those who are changed. Neither: who is locked."""
    free = payees.lock_free_customers(connection, waiting)
    there = payees.get_customers(connection, waiting)
    kept = [replace(member, state=unchanged, note=_GONE) for one, member in waiting.items() if one not in there]
    pairs = []
    for one, old in free.items():
        new = change(old, waiting[one])
        if isinstance(new, str):
            kept.append(replace(waiting[one], state=unchanged, note=new))
        else:
            pairs.append(Pair(old, new))
    return kept, pairs


def _write(
    connection: Connection, policy: Policy, bulk: Bulk, kept: Collection[Member], pairs: Sequence[Pair], author: Author
) -> None:
    """What became of whom, the customers' new values, their history, and what follows for their lines."""
    now, action = current_time(connection), bulk.plan.action
    new = [one.new for one in pairs]
    with together(connection) as writes:
        store.keep(writes, kept)
        store.put(writes, effects.FIELDS[action], new)
        for one in pairs:
            told = changes.told(one.old, one.new, changes.changed_fields(one.old, one.new, effects.FIELDS[action]))
            change_store.insert(writes, Noun.CUSTOMER, one.old.customer_id, told, author, now)
    if action in effects.MOVES_LINES:
        lines.settle(connection, policy, new, author, now)
