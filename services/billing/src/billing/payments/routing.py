"""Where a payment belongs: the first match wins, and what matches nothing says why. Pure."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from billing.accounts.rules import Customer, Directory, Isp, IspAccount
from billing.payments.rules import Payment, UnmatchedReason, normalise

# The shape of a customer's account, such as 0949AQ. It only words the reason; the look-up tries any reference.
_CUSTOMER_SHAPE = re.compile(r"\d{1,4}[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class ToIsp:
    """An ISP pays into one of its own accounts."""

    isp: Isp
    account: IspAccount


@dataclass(frozen=True, slots=True)
class ToCustomer:
    """A customer pays for the line; the money is the ISP's."""

    customer: Customer
    isp: Isp
    package_cents: int


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody to give the money to, yet."""

    reason: UnmatchedReason


Route = ToIsp | ToCustomer | Held


def route_payment(payment: Payment, directory: Directory, shortcodes: AbstractSet[str]) -> Route:
    """Find where a payment belongs. `shortcodes` are ours; with none named (the sandbox) every one is."""
    if shortcodes and payment.business_short_code.strip() not in shortcodes:
        return Held(UnmatchedReason.UNKNOWN_SHORTCODE)
    return route(payment.bill_ref_number, directory)


def route(bill_ref_number: str, directory: Directory) -> Route:
    """Find the account that a reference, as typed, means."""
    reference = normalise(bill_ref_number)
    account = _isp_account(reference)
    isps = directory.isps_with(account, reference) if account else []
    if account and isps:
        return ToIsp(isps[0], account) if len(isps) == 1 else Held(UnmatchedReason.AMBIGUOUS_REFERENCE)
    customers = directory.customers_with(reference) if reference else []
    if customers:
        return _route_to_customer(customers, directory)
    return Held(_why_nobody(reference, account))


def _isp_account(reference: str) -> IspAccount | None:
    return next((account for account in IspAccount if reference.startswith(account.value)), None)


def _route_to_customer(customers: list[Customer], directory: Directory) -> Route:
    if len(customers) > 1:
        return Held(UnmatchedReason.AMBIGUOUS_REFERENCE)
    customer = customers[0]
    isp = directory.isps.get(customer.isp_id or 0)
    if isp is None:
        return Held(UnmatchedReason.ISP_NOT_FOUND)
    if not customer.package_cents or customer.package_cents < 0:
        return Held(UnmatchedReason.PACKAGE_NOT_SET)
    return ToCustomer(customer, isp, customer.package_cents)


def _why_nobody(reference: str, account: IspAccount | None) -> UnmatchedReason:
    if account:
        return UnmatchedReason.ISP_NOT_FOUND
    if _CUSTOMER_SHAPE.match(reference):
        return UnmatchedReason.USER_NOT_FOUND
    return UnmatchedReason.UNKNOWN_REFERENCE
