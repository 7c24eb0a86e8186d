"""What an ISP and a customer may be on record as, alone and beside the others; and how they are listed. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from servicekit.money import MAX_AMOUNT_CENTS
from servicekit.phones import is_mobile

from billing.packages import rules as packages
from billing.packages.rules import Package
from billing.payees.rules import Customer, Isp, Line
from billing.payments.rules import normalise

MAX_ID = 2**31 - 1
# Of an id that a caller wants: the numbers above are left for the rows that get theirs from the database.
MAX_WANTED_ID = 1_000_000_000
# A customer named like this would be shadowed by an ISP's account one day.
_ISP_SHAPE = re.compile(r"(SMS|WA|ACC)\d+")


@dataclass(frozen=True, slots=True)
class StoredIsp:
    """An ISP as it is listed, with what it has."""

    isp: Isp
    wallet_cents: int
    sms_credits: int
    whatsapp_credits: int
    close_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers are looked for: all that is given must hold.

    `paid_beyond`: who has paid beyond this day and is not confirmed on. `account`: normalised. `without_number`: who is
    not closed and has no mobile number on record.
    """

    isp_id: int = 0
    paid_beyond: date | None = None
    account: str = ""
    matching: str = ""
    without_number: bool = False


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer as it is listed. `status`: "active", "inactive", or whatever else an adopted row says."""

    customer: Customer
    status: str
    last_reconnect_time: datetime | None
    close_time: datetime | None


def isp_faults(isp: Isp) -> Iterator[tuple[str, str]]:
    """What is wrong with an ISP: the fields, each with a sentence."""
    if not 0 <= isp.isp_id <= MAX_WANTED_ID:
        yield "isp_id", f"isp_id: 1 to {MAX_WANTED_ID}, or 0 for the next free one"
    if not 1 <= len(isp.name) <= 255:
        yield "name", "name: 1 to 255 characters"
    if isp.contact_phone and not is_mobile(isp.contact_phone):
        yield "contact_phone", "contact_phone: not a Kenyan mobile number"
    fields = ("sms_account", "wa_account", "pay_account_number")
    for name, (kind, account) in zip(fields, isp.accounts(), strict=True):
        if len(account) > 100 or (account and not account.startswith(kind)):
            yield name, f"{account}: must start with {kind} and have at most 100 characters"


def customer_faults(customer: Customer) -> Iterator[tuple[str, str]]:
    """What is wrong with a customer's row by itself: the fields, each with a sentence."""
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
    return ((fault.partition(":")[0], fault) for holds, fault in checks if not holds)


class Known:
    """What is on record of the accounts, lines, ids, ISPs and packages that a request names; it follows what the
    request does. `sold`: packages by ISP and name.
    """

    def __init__(
        self,
        customers: Iterable[Customer],
        isp_accounts: Collection[str],
        isp_ids: Collection[int],
        sold: Mapping[tuple[int, str], Package],
    ) -> None:
        self.isp_accounts, self.isp_ids, self._sold = isp_accounts, isp_ids, sold
        self._by_id: dict[int, Customer] = {}
        self._by_account: dict[str, list[Customer]] = defaultdict(list)
        self._by_line: dict[Line | None, list[Customer]] = defaultdict(list)
        for customer in customers:
            self.add(customer)

    def add(self, customer: Customer) -> None:
        self._by_account[normalise(customer.account_name)].append(customer)
        self._by_line[customer.line].append(customer)
        if customer.customer_id:
            self._by_id[customer.customer_id] = customer

    def remove(self, customer: Customer) -> None:
        """Forget how a customer was who becomes another."""
        self._by_account[normalise(customer.account_name)].remove(customer)
        self._by_line[customer.line].remove(customer)

    def with_id(self, customer_id: int) -> Customer | None:
        return self._by_id.get(customer_id)

    def with_account(self, account: str) -> list[Customer]:
        """Who has an account, those who are not closed first."""
        return sorted(self._by_account[normalise(account)], key=lambda one: one.closed)

    def package_of(self, customer: Customer) -> Package | None:
        """The package that a customer names, if the ISP sells it."""
        package = self._sold.get((customer.isp_id or 0, customer.package_name))
        return package if package and not package.closed else None

    def with_line(self, line: Line | None) -> Customer | None:
        """Who has a line and is not closed."""
        return next((one for one in self._by_line[line] if not one.closed), None) if line else None


def account_conflict(customer: Customer, known: Known) -> str:
    """Why nobody can have a customer's account, for the ISPs that there are; or nothing."""
    taken = normalise(customer.account_name) in known.isp_accounts
    return f"account_name: {customer.account_name} is an ISP's account" if taken else ""


def account_taken(customer: Customer, there: Customer) -> str:
    """The fault of a customer who wants an account that another has."""
    closed = ", who is closed" if there.closed else ""
    return f"account_name: {customer.account_name} is taken by customer {there.customer_id}{closed}"


def isp_conflict(customer: Customer, known: Known) -> str:
    """Why a customer's ISP cannot be, or nothing."""
    return "" if customer.isp_id in known.isp_ids else f"isp_id: there is no ISP {customer.isp_id or 'named'}"


def package_conflict(customer: Customer, known: Known) -> str:
    """Why a customer cannot have a package, or nothing."""
    if not customer.package_name or known.package_of(customer):
        return ""
    return f"package_name: ISP {customer.isp_id or 'none'} sells no package called {customer.package_name}"


def with_package(customer: Customer, known: Known) -> Customer:
    """A new customer with all that the named package says, but for the price if there is one."""
    package = known.package_of(customer)
    if package is None:
        return customer
    price = customer.package_cents or package.price_cents
    return replace(packages.given(customer, package), package_cents=price)


def line_conflict(customer: Customer, known: Known) -> str:
    """Why a customer cannot have a line, or nothing: whoever of two pays would have it switched on for both."""
    other = known.with_line(customer.line)
    return f"username: {customer.username} on this router is the line of {other.account_name}" if other else ""
