"""Changes ISPs and customers, closes and reopens them, and keeps each change with what was before.

What is changed is checked as at creation, and nothing else: an adopted row may have a fault that is not asked about.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts import service as accounts
from billing.accounts import store as account_store
from billing.accounts.errors import InvalidIsp, IspNotFound
from billing.accounts.rules import isp_faults
from billing.changes import following, rules, store
from billing.changes.rules import (
    Author,
    ChangeFilter,
    CustomerUpdate,
    Decision,
    FieldChange,
    Noun,
    StoredChange,
    UpdateResult,
)
from billing.payees import store as payees
from billing.payees.rules import Customer, Isp
from billing.payments.rules import normalise
from billing.policy import Policy


def update_isp(
    engine: Engine, wanted: Isp, fields: Sequence[str], author: Author, *, validate_only: bool = False
) -> list[FieldChange]:
    """Change these fields of an ISP; answers what was changed. Raises IspNotFound, InvalidIsp, AccountTaken."""

    def work(connection: Connection) -> list[FieldChange]:
        account_store.lock_accounts(connection)
        old = payees.get_isps(connection, [wanted.isp_id]).get(wanted.isp_id)
        if old is None:
            raise IspNotFound(f"there is no ISP {wanted.isp_id}")
        new = replace(old, **{name: getattr(wanted, name) for name in fields})
        return put_isp(connection, old, new, author, validate_only=validate_only)

    return transact(engine, work)


def put_isp(
    connection: Connection, old: Isp, new: Isp, author: Author, *, validate_only: bool = False
) -> list[FieldChange]:
    """Make an ISP another, in a transaction that is the caller's and in which accounts are locked."""
    changed = rules.changed_fields(old, new, rules.ISP_FIELDS)
    _check_isp(connection, old, new, changed, author)
    changes = rules.told(old, new, changed)
    if changes and not validate_only:
        now = current_time(connection)
        store.update_isp(connection, new, changed, now)
        _keep(connection, Noun.ISP, new.isp_id, changes, author, now)
        if new.closed:
            following.withdraw(connection, store.customers_of(connection, new.isp_id), now)
        elif old.closed:
            following.resume(connection, new.isp_id, now)
    return changes


def _check_isp(connection: Connection, old: Isp, new: Isp, changed: Sequence[str], author: Author) -> None:
    faults = [fault for name, fault in isp_faults(new) if name in changed]
    for fault in [*faults, rules.lacks_a_reason(old, new, changed, author)]:
        if fault:
            raise InvalidIsp(fault)
    before = dict(old.accounts())
    names = {kind: account for kind, account in new.accounts() if account != before[kind]}
    if names or "closed" in changed:
        accounts.refuse_taken_accounts(connection, new)


def update_customers(
    engine: Engine, policy: Policy, updates: Sequence[CustomerUpdate], author: Author, *, validate_only: bool = False
) -> list[UpdateResult]:
    """Make the good changes, and say of each update how it went."""

    def work(connection: Connection) -> list[UpdateResult]:
        account_store.lock_accounts(connection)
        whom = _whom(connection, updates)
        ids = {one for one in whom if isinstance(one, int)}
        stored = payees.lock_customers(connection, ids)
        named = [
            (stored[one], update)
            for one, update in zip(whom, updates, strict=True)
            if isinstance(one, int) and one in stored
        ]
        known = accounts.known(connection, ids, [update.apply(old) for old, update in named])
        full = [(old, rules.with_package(old, update, known)) for old, update in named]
        decided = {old.customer_id: rules.decide(old, update, known, author) for old, update in full}
        if not validate_only:
            _make(connection, policy, [one for one in decided.values() if one.result.changes], author)
        return [decided[one].result if one in decided else UpdateResult(error=_nobody(one)) for one in whom]

    return transact(engine, work)


def _make(connection: Connection, policy: Policy, decided: Sequence[Decision], author: Author) -> None:
    now = current_time(connection)
    for one in decided:
        store.update_customer(connection, one.new, one.changed, now)
        _keep(connection, Noun.CUSTOMER, one.result.customer_id, one.result.changes, author, now)
    followed = [one for one in decided if rules.FOLLOWED & set(one.changed)]
    before = [one.old for one in followed]
    following.follow(connection, policy, [one.new for one in followed], author, now, before=before)


def _whom(connection: Connection, updates: Sequence[CustomerUpdate]) -> list[int | str]:
    """The customers' ids, or why there is none to change."""
    keys = {normalise(one.account) for one in updates if not one.customer_id}
    named: dict[str, list[Customer]] = defaultdict(list)
    for customer in account_store.find_customers(connection, keys):
        named[normalise(customer.account_name)].append(customer)
    found = [one.customer_id or _meant(one.account, named[normalise(one.account)]) for one in updates]
    return [f"customer_id: {one} stands here twice" if one in found[:n] else one for n, one in enumerate(found)]


def _meant(account: str, found: Sequence[Customer]) -> int | str:
    live = [one for one in found if not one.closed] or found
    if len(live) == 1:
        return live[0].customer_id
    ids = " and ".join(str(one.customer_id) for one in live)
    return (
        f"account: {account} is the account of customers {ids}: say which" if live else f"account: nobody has {account}"
    )


def _nobody(whom: int | str) -> str:
    return whom if isinstance(whom, str) else f"customer_id: there is no customer {whom}"


def _keep(
    connection: Connection, noun: Noun, noun_id: int, changes: Sequence[FieldChange], author: Author, now: datetime
) -> None:
    with together(connection) as writes:
        store.insert(writes, noun, noun_id, changes, author, now)


def list_changes(engine: Engine, asked: ChangeFilter, before_id: int, limit: int) -> list[StoredChange]:
    """What was changed, newest first."""
    return transact(engine, lambda connection: store.list_changes(connection, asked, before_id, limit))
