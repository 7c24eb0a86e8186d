"""Keeps an ISP's packages, each change among those of its record; and gives customers another one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.accounts.errors import IspNotFound
from billing.changes import following, undoing
from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, FieldChange, Noun
from billing.changes.undoing import Undone
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.packages import rules, store
from billing.packages.errors import (
    ChangeWaits,
    InvalidPackage,
    NoChangeWaits,
    NotChangeable,
    PackageNotFound,
    PackageTaken,
)
from billing.packages.rules import ChangeMade, Package
from billing.payees.rules import Customer
from billing.policy import Policy


@dataclass(frozen=True, slots=True)
class Sold:
    """A package, and how many customers pay for it."""

    package: Package
    customers: int


@dataclass(frozen=True, slots=True)
class Order:
    """Which package a customer is to have, and from when on."""

    name: str
    at_renewal: bool


def create(engine: Engine, package: Package, author: Author) -> Sold:
    """Add a package. One that is there already, and is the same, is fine.

    Raises InvalidPackage, IspNotFound, PackageTaken.
    """
    _refuse_faults(package)

    def work(connection: Connection) -> Sold:
        there = _lock(connection, package.isp_id)
        # Two whose names differ in case only would be taken for each other.
        same = next((one for one in there.values() if one.name.lower() == package.name.lower()), None)
        if same == package:
            return _sold(connection, package)
        if same:
            raise PackageTaken(f"ISP {package.isp_id} has a package {same.name}")
        store.insert(connection, package)
        _keep(connection, _told(None, package), author, package.isp_id)
        return _sold(connection, package)

    return transact(engine, work)


def _refuse_faults(package: Package) -> None:
    for fault in rules.faults(package):
        raise InvalidPackage(fault)


def _lock(connection: Connection, isp_id: int) -> dict[str, Package]:
    """An ISP's packages by name; whoever else changes them waits."""
    accounts.lock_accounts(connection)
    if not accounts.find_isp_ids(connection, {isp_id}):
        raise IspNotFound(f"there is no ISP {isp_id}")
    return {name: package for (_, name), package in store.of_isps(connection, {isp_id}).items()}


def _told(old: Package | None, new: Package) -> list[FieldChange]:
    """What is other than before; each value with the name of the package."""
    before, after = rules.told(old), rules.told(new)
    return [
        FieldChange(f"package.{field}", _named(new.name, before[field]), _named(new.name, after[field]))
        for field in before
        if before[field] != after[field]
    ]


def _named(name: str, value: str) -> str:
    return f"{name}: {value}" if value else ""


def _keep(connection: Connection, made: Sequence[FieldChange], author: Author, isp_id: int) -> None:
    with together(connection) as writes:
        change_store.insert(writes, Noun.ISP, isp_id, made, author, current_time(connection))


def _sold(connection: Connection, package: Package) -> Sold:
    return Sold(package, store.count_customers(connection, package.isp_id).get(package.name, 0))


def list_packages(engine: Engine, isp_id: int) -> list[Sold]:
    """An ISP's packages by name. Raises IspNotFound."""

    def work(connection: Connection) -> list[Sold]:
        if not accounts.find_isp_ids(connection, {isp_id}):
            raise IspNotFound(f"there is no ISP {isp_id}")
        counts = store.count_customers(connection, isp_id)
        found = store.of_isps(connection, {isp_id}).values()
        return [Sold(one, counts.get(one.name, 0)) for one in found]

    return transact(engine, work)


def update(
    engine: Engine, wanted: Package, fields: Sequence[str], author: Author, *, validate_only: bool = False
) -> tuple[Sold, list[FieldChange]]:
    """Change these fields of a package; answers it, and what was changed. Raises InvalidPackage, PackageNotFound."""

    def work(connection: Connection) -> tuple[Sold, list[FieldChange]]:
        old = _lock(connection, wanted.isp_id).get(wanted.name)
        if old is None:
            raise PackageNotFound(f"ISP {wanted.isp_id} has no package {wanted.name}")
        new = replace(old, **{name: getattr(wanted, name) for name in fields})
        _refuse_faults(new)
        made = _told(old, new)
        if made and not validate_only:
            store.update(connection, new)
            _keep(connection, made, author, new.isp_id)
        return _sold(connection, new), made

    return transact(engine, work)


def change(
    engine: Engine, policy: Policy, whom: Whom, order: Order, author: Author, *, validate_only: bool = False
) -> tuple[ChangeMade, list[FieldChange]]:
    """Give a customer another package; answers what comes of it, and what is other than before.

    Raises CustomerNotFound, NotChangeable, PackageNotFound, ChangeWaits.
    """

    def work(connection: Connection) -> tuple[ChangeMade, list[FieldChange]]:
        old = lines.lock(connection, whom)
        made = _decide(connection, old, order, calendar.today(current_time(connection)))
        changed = changes.changed_fields(old, made.customer, rules.CHANGED)
        if changed and not validate_only:
            _make(connection, policy, old, made.customer, changed, author)
        return made, changes.told(old, made.customer, changed)

    return transact(engine, work)


def _decide(connection: Connection, old: Customer, order: Order, today: date) -> ChangeMade:
    if old.closed or not old.isp_id:
        raise NotChangeable(f"customer {old.customer_id} {'is closed' if old.closed else 'has no ISP'}")
    if old.package_day:
        if order.at_renewal and order.name == old.package_name:
            return ChangeMade(old, day=old.package_day)
        raise ChangeWaits(f"{old.package_name} comes on {old.package_day}: cancel that first")
    package = store.of_isps(connection, {old.isp_id}).get((old.isp_id, order.name))
    if package is None or package.closed:
        raise PackageNotFound(f"ISP {old.isp_id} sells no package called {order.name}")
    return rules.at_renewal(old, package, today) if order.at_renewal else rules.at_once(old, package, today)


def _make(
    connection: Connection, policy: Policy, old: Customer, new: Customer, changed: Sequence[str], author: Author
) -> None:
    now = current_time(connection)
    change_store.update_customer(connection, new, changed, now)
    with together(connection) as writes:
        change_store.insert(writes, Noun.CUSTOMER, old.customer_id, changes.told(old, new, changed), author, now)
    following.follow(connection, policy, [new], author, now, before=[old])


def cancel(engine: Engine, policy: Policy, whom: Whom, author: Author) -> Undone:
    """Undo a customer's change of package whose day has not come.

    Raises CustomerNotFound, NoChangeWaits, CannotUndo, InvalidChange.
    """

    def find(connection: Connection) -> int:
        customer = lines.lock(connection, whom)
        change_id = store.last_change(connection, customer.customer_id) if customer.package_day else None
        if change_id is None:
            raise NoChangeWaits(f"customer {customer.customer_id} has the package that is paid for")
        return change_id

    return undoing.undo(engine, policy, transact(engine, find), author)
