"""Creates and lists ISPs and customers. Refuses what would make a reference ambiguous."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from servicekit.database import current_time, transact
from servicekit.money import MAX_AMOUNT_CENTS
from servicekit.phones import is_mobile
from sqlalchemy import Connection, Engine

from billing.accounts import store
from billing.accounts.errors import AccountTaken, CustomerNotFound, IdTaken, InvalidIsp
from billing.accounts.rules import StoredCustomer, StoredIsp
from billing.payees.rules import Customer, Isp
from billing.payments.rules import normalise

MAX_ID = 2**31 - 1
# Of an id that a caller wants: the numbers above are left for the rows that get theirs from the database.
MAX_WANTED_ID = 1_000_000_000
# A customer named like this would be shadowed by an ISP's account one day.
_ISP_SHAPE = re.compile(r"(SMS|WA|ACC)\d+")


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """How creating one customer went; `error` names the field and the fault."""

    customer_id: int = 0
    unchanged: bool = False
    error: str = ""


def create_isp(engine: Engine, isp: Isp, *, validate_only: bool = False) -> int:
    """Create an ISP with a wallet; answers its id, or with `validate_only` the wanted one, which may be 0.

    Raises InvalidIsp, AccountTaken, IdTaken.
    """
    if fault := _isp_fault(isp):
        raise InvalidIsp(fault)

    wanted = [account for _, account in isp.accounts() if account]

    def work(connection: Connection) -> int:
        store.lock_accounts(connection)
        for name in store.isp_names(connection, {isp.isp_id}).values():
            raise IdTaken(f"id {isp.isp_id} belongs to {name!r} already")
        for account in store.find_isp_accounts(connection, wanted):
            raise AccountTaken(f"{account} is another ISP's account")
        for customer in store.find_customers(connection, wanted):
            raise AccountTaken(f"{customer.account_name} is the account of customer {customer.customer_id}")
        return isp.isp_id if validate_only else store.insert_isp(connection, isp, current_time(connection))

    return transact(engine, work, once=True)


def _isp_fault(isp: Isp) -> str:
    if not 0 <= isp.isp_id <= MAX_WANTED_ID:
        return f"isp_id: 1 to {MAX_WANTED_ID}, or 0 for the next free one"
    if not 1 <= len(isp.name) <= 255:
        return "name: 1 to 255 characters"
    if isp.contact_phone and not is_mobile(isp.contact_phone):
        return "contact_phone: not a Kenyan mobile number"
    for kind, account in isp.accounts():
        if len(account) > 100 or (account and not account.startswith(kind)):
            return f"{account}: must start with {kind} and have at most 100 characters"
    return ""


def list_isps(engine: Engine) -> list[StoredIsp]:
    """All ISPs with wallet and credits."""
    return transact(engine, store.list_isps)


def create_customers(
    engine: Engine, customers: Sequence[Customer], *, validate_only: bool = False
) -> list[CustomerResult]:
    """Create the good ones, and say of each how it went. A row that is there already, unchanged, is fine."""

    def work(connection: Connection) -> list[CustomerResult]:
        store.lock_accounts(connection)
        known, now = _known(connection, customers), current_time(connection)
        results: dict[int, CustomerResult] = {}
        # The wanted ids first, so that no row gets by chance what another one names.
        for number in sorted(range(len(customers)), key=lambda number: not customers[number].customer_id):
            customer = customers[number]
            result = _check(customer, known)
            if not result.error and not result.unchanged:
                created = 0 if validate_only else store.insert_customer(connection, customer, now)
                result = CustomerResult(created)
                known.add(replace(customer, customer_id=created or customer.customer_id))
            results[number] = result
        return [results[number] for number in range(len(customers))]

    return transact(engine, work)


@dataclass(slots=True)
class _Known:
    """What is on record of the accounts and ids that new customers name."""

    customers: dict[str, Customer]
    accounts_by_id: dict[int, str]
    isp_accounts: Collection[str]
    isp_ids: Collection[int]

    def add(self, customer: Customer) -> None:
        self.customers[normalise(customer.account_name)] = customer
        if customer.customer_id:
            self.accounts_by_id[customer.customer_id] = customer.account_name


def _known(connection: Connection, customers: Sequence[Customer]) -> _Known:
    keys = [normalise(customer.account_name) for customer in customers]
    return _Known(
        customers={normalise(one.account_name): one for one in store.find_customers(connection, keys)},
        accounts_by_id=store.customer_accounts(connection, {one.customer_id for one in customers if one.customer_id}),
        isp_accounts=store.find_isp_accounts(connection, keys),
        isp_ids=store.find_isp_ids(connection, {customer.isp_id for customer in customers if customer.isp_id}),
    )


def _check(customer: Customer, known: _Known) -> CustomerResult:
    there = known.customers.get(normalise(customer.account_name))
    if fault := _customer_fault(customer) or _conflict(customer, there, known):
        return CustomerResult(error=fault)
    return CustomerResult(there.customer_id, unchanged=True) if there else CustomerResult()


def _conflict(customer: Customer, there: Customer | None, known: _Known) -> str:
    """Why a row cannot stand beside what is on record, or nothing; `there`: who has its account."""
    account, wanted = customer.account_name, customer.customer_id
    if normalise(account) in known.isp_accounts:
        return f"account_name: {account} is an ISP's account"
    if customer.isp_id not in known.isp_ids:
        return f"isp_id: there is no ISP {customer.isp_id or 'named'}"
    if there is None:
        owner = known.accounts_by_id.get(wanted)
        return "" if owner is None else f"customer_id: id {wanted} belongs to {owner} already"
    if not _same(customer, there):
        return f"account_name: {account} is taken by customer {there.customer_id}"
    return "" if wanted in {0, there.customer_id} else f"customer_id: {account} is customer {there.customer_id} already"


def _same(new: Customer, old: Customer) -> bool:
    """Whether a row says what is on record already. The due date moves with payments: it is not compared."""
    fields = ("full_name", "username", "phone", "package_cents", "router_id", "isp_id")
    return all(getattr(new, name) == getattr(old, name) for name in fields)


def _customer_fault(customer: Customer) -> str:
    """The first thing that is wrong with a row, or nothing."""
    account, package_cents, router_id = normalise(customer.account_name), customer.package_cents, customer.router_id
    checks = (
        (0 <= customer.customer_id <= MAX_WANTED_ID, f"customer_id: 1 to {MAX_WANTED_ID}, or 0 for the next free one"),
        (1 <= len(account) <= 100, "account_name: 1 to 100 characters"),
        (not _ISP_SHAPE.fullmatch(account), "account_name: looks like an ISP's account (SMS…, WA…, ACC…)"),
        (len(customer.full_name) <= 255, "full_name: at most 255 characters"),
        (len(customer.username) <= 100, "username: at most 100 characters"),
        (not customer.phone or is_mobile(customer.phone), "phone: not a Kenyan mobile number"),
        (package_cents is None or 1 <= package_cents <= MAX_AMOUNT_CENTS, "package_cents: not an amount"),
        (router_id is None or 1 <= router_id <= MAX_ID, "router_id: not a router's number"),
    )
    return next((fault for holds, fault in checks if not holds), "")


def get_customer(engine: Engine, account_name: str) -> StoredCustomer:
    """The customer with an account. Raises CustomerNotFound."""
    found = transact(engine, lambda connection: store.stored_customers(connection, normalise(account_name)))
    if not found:
        raise CustomerNotFound(f"no customer {account_name}")
    return found[0]


def list_customers(engine: Engine, isp_id: int, today: date | None, after_id: int, limit: int) -> list[StoredCustomer]:
    """Customers by id; with `today` only those who have paid beyond it and whose line is not on."""
    return transact(engine, lambda connection: store.list_customers(connection, isp_id, today, after_id, limit))
