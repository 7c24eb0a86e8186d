"""Creates and lists ISPs and customers. Refuses what would make a reference ambiguous."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.accounts import store
from billing.accounts.errors import AccountTaken, CustomerNotFound, IdTaken, InvalidIsp
from billing.accounts.rules import (
    CustomerFilter,
    Known,
    StoredCustomer,
    StoredIsp,
    account_conflict,
    account_taken,
    customer_faults,
    isp_conflict,
    isp_faults,
    line_conflict,
    package_conflict,
    with_package,
)
from billing.packages import store as packages
from billing.payees.rules import Customer, Isp
from billing.payments.rules import normalise


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
    for _, fault in isp_faults(isp):
        raise InvalidIsp(fault)

    def work(connection: Connection) -> int:
        store.lock_accounts(connection)
        for name in store.isp_names(connection, {isp.isp_id}).values():
            raise IdTaken(f"id {isp.isp_id} belongs to {name!r} already")
        refuse_taken_accounts(connection, isp)
        return isp.isp_id if validate_only else store.insert_isp(connection, isp, current_time(connection))

    return transact(engine, work, once=True)


def refuse_taken_accounts(connection: Connection, isp: Isp) -> None:
    """Raise AccountTaken when another ISP or a customer has one of an ISP's accounts."""
    wanted = [account for _, account in isp.accounts() if account]
    for account in store.find_isp_accounts(connection, wanted, but_of=isp.isp_id):
        raise AccountTaken(f"{account} is another ISP's account")
    for customer in store.find_customers(connection, wanted):
        raise AccountTaken(f"{customer.account_name} is the account of customer {customer.customer_id}")


def list_isps(engine: Engine) -> list[StoredIsp]:
    """All ISPs with wallet and credits."""
    return transact(engine, store.list_isps)


def create_customers(
    engine: Engine, customers: Sequence[Customer], *, validate_only: bool = False
) -> list[CustomerResult]:
    """Create the good ones, and say of each how it went. A row that is there already, unchanged, is fine."""

    def work(connection: Connection) -> list[CustomerResult]:
        store.lock_accounts(connection)
        there = known(connection, {one.customer_id for one in customers if one.customer_id}, customers)
        now = current_time(connection)
        results: dict[int, CustomerResult] = {}
        # The wanted ids first, so that no row gets by chance what another one names.
        for number in sorted(range(len(customers)), key=lambda number: not customers[number].customer_id):
            customer = with_package(customers[number], there)
            result = _check(customer, there)
            if not result.error and not result.unchanged:
                created = 0 if validate_only else store.insert_customer(connection, customer, now)
                result = CustomerResult(created)
                there.add(replace(customer, customer_id=created or customer.customer_id))
            results[number] = result
        return [results[number] for number in range(len(customers))]

    return transact(engine, work)


def known(connection: Connection, customer_ids: Collection[int], wanted: Sequence[Customer]) -> Known:
    """What is on record of customers by id, and of the accounts, lines and ISPs that `wanted` name."""
    keys = {normalise(one.account_name) for one in wanted}
    return Known(
        store.find_like(connection, keys, customer_ids, {one.line for one in wanted if one.line}),
        store.find_isp_accounts(connection, keys),
        store.find_isp_ids(connection, {one.isp_id for one in wanted if one.isp_id}),
        packages.of_isps(connection, {one.isp_id for one in wanted if one.isp_id and one.package_name}),
    )


def _check(customer: Customer, known: Known) -> CustomerResult:
    there = next(iter(known.with_account(customer.account_name)), None)
    fault = next((fault for _, fault in customer_faults(customer)), "") or _conflict(customer, there, known)
    if fault:
        return CustomerResult(error=fault)
    return CustomerResult(there.customer_id, unchanged=True) if there else CustomerResult()


def _conflict(customer: Customer, there: Customer | None, known: Known) -> str:
    """Why a row cannot stand beside what is on record, or nothing; `there`: who has its account."""
    account, wanted = customer.account_name, customer.customer_id
    if fault := account_conflict(customer, known) or isp_conflict(customer, known):
        return fault
    if there is None:
        owner = known.with_id(wanted)
        taken = f"customer_id: id {wanted} belongs to {owner.account_name} already" if owner else ""
        return taken or package_conflict(customer, known) or line_conflict(customer, known)
    if not _same(customer, there):
        return account_taken(customer, there)
    return "" if wanted in {0, there.customer_id} else f"customer_id: {account} is customer {there.customer_id} already"


def _same(new: Customer, old: Customer) -> bool:
    """Whether a row says what is on record already. The due date moves with payments: it is not compared."""
    fields = ["full_name", "username", "phone", "package_cents", "router_id", "isp_id"]
    fields += ["package_name"] if new.package_name else []
    return all(getattr(new, name) == getattr(old, name) for name in fields)


def get_customer(engine: Engine, account_name: str, customer_id: int = 0) -> StoredCustomer:
    """The customer with an id, or else with an account; rather one who is not closed. Raises CustomerNotFound."""
    key = normalise(account_name)
    found = transact(engine, lambda connection: store.stored_customers(connection, key, customer_id))
    if not found:
        raise CustomerNotFound(f"no customer {customer_id or account_name}")
    return min(found, key=lambda one: one.customer.closed)


def list_customers(engine: Engine, wanted: CustomerFilter, after_id: int, limit: int) -> list[StoredCustomer]:
    """Customers by id."""
    return transact(engine, lambda connection: store.list_customers(connection, wanted, after_id, limit))
