"""Puts what was changed on an ISP or a customer back to what was before, if it still is what that change made it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts import service as accounts
from billing.accounts import store as account_store
from billing.accounts.errors import CannotUndo, ChangeNotFound, InvalidChange
from billing.changes import following, putting_back, rules, store
from billing.changes import service as records
from billing.changes.rules import ISP_FIELDS, Author, CustomerUpdate, FieldChange, Noun, StoredChange
from billing.finding import store as finding
from billing.finding.rules import PaymentFilter
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policies import service as policies
from billing.policies.service import Asked
from billing.policy import Policy

_MAX_REASON = 200
# A payment's moment is rounded to a second.
_ROUNDING = timedelta(seconds=1)
_Changes = Mapping[str, StoredChange]


@dataclass(frozen=True, slots=True)
class Undone:
    """Whose change was undone, and what is other than before."""

    noun: Noun
    noun_id: int
    changes: Sequence[FieldChange]


def undo(engine: Engine, policy: Policy, change_id: int, author: Author) -> Undone:
    """Undo a change with all of its act. Raises ChangeNotFound, CannotUndo, InvalidChange."""
    if not 1 <= len(author.reason) <= _MAX_REASON:
        raise InvalidChange(f"reason: 1 to {_MAX_REASON} characters")
    told = Author(author.actor, f"undoes {change_id}: {author.reason}")

    def work(connection: Connection) -> Undone:
        account_store.lock_accounts(connection)
        noun, noun_id, act = store.list_act(connection, change_id)
        if not act:
            raise ChangeNotFound(f"there is no change {change_id}")
        changes = putting_back.own_fields(act)
        if not changes:
            raise CannotUndo(f"change {change_id} is one that follows from others: undo those")
        _refuse_changed_since(connection, noun, noun_id, changes)
        put = _put_isp if noun is Noun.ISP else _put_customer
        return Undone(noun, noun_id, put(connection, policy, noun_id, changes, told))

    return transact(engine, work)


def _put_isp(
    connection: Connection, _: Policy, isp_id: int, changes: _Changes, author: Author
) -> Sequence[FieldChange]:
    isp = payees.get_isps(connection, [isp_id])[isp_id]
    if _of_policy(changes):
        return _undo_policy(connection, Asked(Noun.ISP, isp_id), changes, author)
    _refuse_others(changes, ISP_FIELDS)
    if field := putting_back.differs(isp, changes):
        raise CannotUndo(f"{field} is not what this change made it: it was changed since, by no operator")
    return records.put_isp(connection, isp, putting_back.put_back(isp, changes), author)


def _put_customer(
    connection: Connection, policy: Policy, customer_id: int, changes: _Changes, author: Author
) -> Sequence[FieldChange]:
    customer = payees.lock_customers(connection, [customer_id]).get(customer_id)
    if customer is None:
        raise CannotUndo(f"there is no customer {customer_id} any more")
    if _of_policy(changes):
        made = _undo_policy(connection, Asked(Noun.CUSTOMER, customer_id), changes, author)
        following.follow(connection, policy, [customer], author, current_time(connection))
        return made
    _refuse_others(changes, putting_back.FIELDS)
    _refuse_differing(connection, customer, changes)
    return _undo_record(connection, policy, customer, changes, author)


def _of_policy(changes: _Changes) -> bool:
    return all(name.startswith(putting_back.POLICY) for name in changes)


def _refuse_others(changes: _Changes, known: Collection[str]) -> None:
    if odd := set(changes) - set(known):
        raise CannotUndo(f"{min(odd)} cannot be put back")


def _undo_record(
    connection: Connection, policy: Policy, old: Customer, changes: _Changes, author: Author
) -> Sequence[FieldChange]:
    update = CustomerUpdate(old.customer_id, "", list(changes), putting_back.put_back(old, changes))
    known = accounts.known(connection, {old.customer_id}, [update.apply(old)])
    decided = rules.decide(old, update, known, author)
    if decided.result.error:
        raise CannotUndo(decided.result.error)
    now = current_time(connection)
    store.update_customer(connection, decided.new, decided.changed, now)
    with together(connection) as writes:
        store.insert(writes, Noun.CUSTOMER, old.customer_id, decided.result.changes, author, now)
    following.follow(connection, policy, [decided.new], author, now, before=[old])
    return decided.result.changes


def _undo_policy(connection: Connection, asked: Asked, changes: _Changes, author: Author) -> Sequence[FieldChange]:
    before = {name.removeprefix(putting_back.POLICY): one.change.before for name, one in changes.items()}
    wanted = {name: text for name, text in before.items() if text}
    unset = before.keys() - wanted.keys()
    _, made = policies.put(connection, asked, wanted, unset, author)
    return made


def _refuse_changed_since(connection: Connection, noun: Noun, noun_id: int, changes: _Changes) -> None:
    """Even where the field has the same value again: it is another's, unless what came since was undone."""
    for one in changes.values():
        since = store.list_later(connection, noun, noun_id, one.change.field, one.change_id)
        for later in rules.standing(since):
            why = f" ({later.author.reason})" if later.author.reason else ""
            who = f"{later.author.actor}{why} has changed it since, change {later.change_id}"
            raise CannotUndo(f"{later.change.field} is not what this change made it: {who}")


def _refuse_differing(connection: Connection, customer: Customer, changes: _Changes) -> None:
    if field := putting_back.differs(customer, changes):
        since = PaymentFilter(customer_id=customer.customer_id, since=changes[field].create_time - _ROUNDING)
        payment = next(iter(finding.find(connection, since, 0, 1)), None)
        who = f"payment {payment.trans_id} came since" if payment else "it was changed since, by no operator"
        raise CannotUndo(f"{field} is not what this change made it: {who}")
