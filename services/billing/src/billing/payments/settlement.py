"""Where a payment belongs, and what it does there to wallets, credits and dates. Pure: decides, writes nothing.

A module of its own: the decisions, apart from the types that rules has.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from dateutil.relativedelta import relativedelta

from billing.ledger.rules import CreditPurchase, EntryKind, WalletEntry
from billing.payees.rules import Customer, Isp, IspAccount, Payees
from billing.payments.rules import Outcome, Payment, Receipt, UnmatchedReason, normalise

SMS_CREDIT_CENTS = 50
WHATSAPP_CREDIT_CENTS = 20
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
class Unmatched:
    """Nobody to give the money to, yet: it is held."""

    reason: UnmatchedReason


Route = ToIsp | ToCustomer | Unmatched


def route_payment(payment: Payment, payees: Payees, shortcodes: AbstractSet[str]) -> Route:
    """Find where a payment belongs. `shortcodes` are ours; with none named (the sandbox) every one is."""
    if shortcodes and payment.business_short_code.strip() not in shortcodes:
        return Unmatched(UnmatchedReason.UNKNOWN_SHORTCODE)
    return route(payment.bill_ref_number, payees)


def route(bill_ref_number: str, payees: Payees) -> Route:
    """Find the account that a reference, as typed, means."""
    reference = normalise(bill_ref_number)
    account = _isp_account(reference)
    isps = payees.isps_with(account, reference) if account else []
    if account and isps:
        return ToIsp(isps[0], account) if len(isps) == 1 else Unmatched(UnmatchedReason.AMBIGUOUS_REFERENCE)
    customers = payees.customers_with(reference) if reference else []
    if customers:
        return _route_to_customer(customers, payees)
    return Unmatched(_why_nobody(reference, account))


def _isp_account(reference: str) -> IspAccount | None:
    return next((account for account in IspAccount if reference.startswith(account.value)), None)


def _route_to_customer(customers: list[Customer], payees: Payees) -> Route:
    if len(customers) > 1:
        return Unmatched(UnmatchedReason.AMBIGUOUS_REFERENCE)
    customer = customers[0]
    isp = payees.isps.get(customer.isp_id or 0)
    if isp is None:
        return Unmatched(UnmatchedReason.ISP_NOT_FOUND)
    if not customer.package_cents or customer.package_cents < 0:
        return Unmatched(UnmatchedReason.PACKAGE_NOT_SET)
    return ToCustomer(customer, isp, customer.package_cents)


def _why_nobody(reference: str, account: IspAccount | None) -> UnmatchedReason:
    if account:
        return UnmatchedReason.ISP_NOT_FOUND
    if _CUSTOMER_SHAPE.match(reference):
        return UnmatchedReason.USER_NOT_FOUND
    return UnmatchedReason.UNKNOWN_REFERENCE


@dataclass(slots=True, kw_only=True)
class Settlement:
    """All that one payment changes. `wallet_cents` is what the ISP's wallet gets."""

    payment: Payment
    outcome: Outcome
    reason: UnmatchedReason | None = None
    isp: Isp | None = None
    customer: Customer | None = None
    package_cents: int = 0
    wallet_cents: int = 0
    credits: CreditPurchase | None = None
    previous_due_date: date | None = None
    due_date: date | None = None

    @property
    def line(self) -> tuple[int, str] | None:
        """The router and username to enable; None when nothing was paid for or nothing is on record."""
        return self.customer.line if self.customer and self.outcome is Outcome.CUSTOMER_PAID else None

    def wallet_entry(self, isp: Isp) -> WalletEntry:
        """What it moves on its ISP's wallet."""
        return WalletEntry(isp.isp_id, self.payment.trans_id, self._entry_kind, self.wallet_cents)

    @property
    def _entry_kind(self) -> EntryKind:
        if self.credits:
            return EntryKind.CREDIT_REMAINDER
        return EntryKind.CUSTOMER_PAYMENT if self.customer else EntryKind.SERVICE_PAYMENT

    def receipt(self) -> Receipt:
        return Receipt(
            self.payment.trans_id,
            self.outcome,
            self.reason,
            self.isp.isp_id if self.isp else None,
            self.customer.customer_id if self.customer else None,
        )


def settle(payment: Payment, route: Route, today: date) -> Settlement:
    """Decide what a payment does. `today` is the day in Nairobi."""
    match route:
        case Unmatched(reason):
            return Settlement(payment=payment, outcome=Outcome.UNMATCHED, reason=reason)
        case ToIsp(isp, account):
            return _settle_isp(payment, isp, account)
        case ToCustomer(customer, isp, package_cents):
            return _settle_customer(payment, customer, isp, package_cents, today)


def _settle_isp(payment: Payment, isp: Isp, account: IspAccount) -> Settlement:
    if account is IspAccount.SERVICE:
        return Settlement(payment=payment, outcome=Outcome.SERVICE_PAYMENT, isp=isp, wallet_cents=payment.amount_cents)
    sms = account is IspAccount.SMS
    unit_cents = SMS_CREDIT_CENTS if sms else WHATSAPP_CREDIT_CENTS
    count, remainder = divmod(payment.amount_cents, unit_cents)
    return Settlement(
        payment=payment,
        outcome=Outcome.SMS_CREDITS if sms else Outcome.WHATSAPP_CREDITS,
        isp=isp,
        wallet_cents=remainder,
        credits=CreditPurchase(isp.isp_id, payment.trans_id, "sms" if sms else "whatsapp", count, unit_cents),
    )


def _settle_customer(payment: Payment, customer: Customer, isp: Isp, package_cents: int, today: date) -> Settlement:
    enough = payment.amount_cents >= package_cents
    return Settlement(
        payment=payment,
        outcome=Outcome.CUSTOMER_PAID if enough else Outcome.CUSTOMER_PARTIAL,
        isp=isp,
        customer=customer,
        package_cents=package_cents,
        wallet_cents=payment.amount_cents,
        previous_due_date=customer.next_payment_date,
        due_date=extend(customer.next_payment_date, today) if enough else customer.next_payment_date,
    )


@lru_cache(maxsize=1024)  # a batch has few dates and many customers
def extend(due_date: date | None, today: date) -> date:
    """A month from the due date if it is later than today, else from today; clamped to the month's end.

    The year 9999 is how some say "for ever": there is no later one, such a date stays.
    """
    start = max(due_date, today) if due_date else today
    return start if start.year == date.max.year else start + relativedelta(months=1)
