"""Creates and lists ISPs and customers. Refuses what would make a reference ambiguous."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import grpc
from servicekit.database import current_time, transact
from servicekit.errors import InvalidArgument, NotFound, ServiceError
from sqlalchemy import Connection, Engine

from billing.accounts import Customer, Isp
from billing.payments import MAX_AMOUNT_CENTS, normalise
from billing.store import directory as store

_PHONE = re.compile(r"(?:\+?254|0)?[17][0-9]{8}")
MAX_ID = 2**31 - 1
# A customer named like this would be shadowed by an ISP's account one day.
_ISP_SHAPE = re.compile(r"(SMS|WA|ACC)\d+")


class InvalidIsp(InvalidArgument):
    """An ISP that nobody could pay, or whose fields do not fit."""

    reason = "INVALID_ISP"


class AccountTaken(ServiceError):
    """Another ISP, or a customer, has this account."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ACCOUNT_TAKEN"


class CustomerNotFound(NotFound):
    """No customer has this account."""

    reason = "CUSTOMER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """How creating one customer went; `error` names the field and the fault."""

    customer_id: int = 0
    unchanged: bool = False
    error: str = ""


def create_isp(engine: Engine, isp: Isp) -> int:
    """Create an ISP with an empty wallet; answers its id. Raises InvalidIsp, AccountTaken."""
    if fault := _isp_fault(isp):
        raise InvalidIsp(fault)

    wanted = [account for _, account in isp.accounts() if account]

    def work(connection: Connection) -> int:
        store.lock_directory(connection)
        for account in store.find_isp_accounts(connection, wanted):
            raise AccountTaken(f"{account} is another ISP's account")
        for customer in store.find_customers(connection, wanted):
            raise AccountTaken(f"{customer.account_name} is the account of customer {customer.customer_id}")
        return store.insert_isp(connection, isp, current_time(connection))

    return transact(engine, work)


def _isp_fault(isp: Isp) -> str:
    if not 1 <= len(isp.name) <= 255:
        return "name: 1 to 255 characters"
    if isp.contact_phone and not _PHONE.fullmatch(isp.contact_phone):
        return "contact_phone: not a Kenyan mobile number"
    for kind, account in isp.accounts():
        if len(account) > 100 or (account and not account.startswith(kind)):
            return f"{account}: must start with {kind} and have at most 100 characters"
    return ""


def list_isps(engine: Engine) -> list[Any]:
    """Rows of all ISPs with wallet and credits."""
    return transact(engine, store.list_isps)


def create_customers(
    engine: Engine, customers: Sequence[Customer], *, validate_only: bool = False
) -> list[CustomerResult]:
    """Create the good ones, and say of each how it went. A row that is there already, unchanged, is fine."""

    def work(connection: Connection) -> list[CustomerResult]:
        keys = [normalise(customer.account_name) for customer in customers]
        store.lock_directory(connection)
        shadowed = store.find_isp_accounts(connection, keys)
        there = {normalise(one.account_name): one for one in store.find_customers(connection, keys)}
        isp_ids = store.find_isp_ids(connection, {customer.isp_id for customer in customers if customer.isp_id})
        results = []
        for key, customer in zip(keys, customers, strict=True):
            result = _check(customer, there.get(key), isp_ids, shadowed)
            if not result.error and not result.unchanged:
                created = 0 if validate_only else store.insert_customer(connection, customer, current_time(connection))
                customer.customer_id = created
                there[key] = customer
                result = CustomerResult(created)
            results.append(result)
        return results

    return transact(engine, work)


def _check(
    customer: Customer, there: Customer | None, isp_ids: Collection[int], shadowed: Collection[str]
) -> CustomerResult:
    if fault := _customer_fault(customer):
        return CustomerResult(error=fault)
    if normalise(customer.account_name) in shadowed:
        return CustomerResult(error=f"account_name: {customer.account_name} is an ISP's account")
    if customer.isp_id not in isp_ids:
        return CustomerResult(error=f"isp_id: there is no ISP {customer.isp_id or 'named'}")
    if there is None:
        return CustomerResult()
    if _same(customer, there):
        return CustomerResult(there.customer_id, unchanged=True)
    return CustomerResult(error=f"account_name: {customer.account_name} is taken by customer {there.customer_id}")


def _same(new: Customer, old: Customer) -> bool:
    """Whether a row says what is on record already. The due date moves with payments: it is not compared."""
    fields = ("full_name", "username", "phone", "package_cents", "router_id", "isp_id")
    return all(getattr(new, name) == getattr(old, name) for name in fields)


def _customer_fault(customer: Customer) -> str:
    """The first thing that is wrong with a row, or nothing."""
    account, package_cents, router_id = normalise(customer.account_name), customer.package_cents, customer.router_id
    checks = (
        (1 <= len(account) <= 100, "account_name: 1 to 100 characters"),
        (not _ISP_SHAPE.fullmatch(account), "account_name: looks like an ISP's account (SMS…, WA…, ACC…)"),
        (len(customer.full_name) <= 255, "full_name: at most 255 characters"),
        (len(customer.username) <= 100, "username: at most 100 characters"),
        (not customer.phone or _PHONE.fullmatch(customer.phone), "phone: not a Kenyan mobile number"),
        (package_cents is None or 1 <= package_cents <= MAX_AMOUNT_CENTS, "package_cents: not an amount"),
        (router_id is None or 1 <= router_id <= MAX_ID, "router_id: not a router's number"),
    )
    return next((fault for holds, fault in checks if not holds), "")


def get_customer(engine: Engine, account_name: str) -> Any:
    """A customer's row. Raises CustomerNotFound."""
    rows = transact(engine, lambda connection: store.customer_rows(connection, normalise(account_name)))
    if not rows:
        raise CustomerNotFound(f"no customer {account_name}")
    return rows[0]


def list_customers(engine: Engine, isp_id: int, today: date | None, after_id: int, limit: int) -> list[Any]:
    """Rows of customers by id; with `today` only those who have paid beyond it and whose line is not on."""
    return transact(engine, lambda connection: store.list_customers(connection, isp_id, today, after_id, limit))
