"""Where a payment belongs, and what it does there to wallets, credits and dates. Pure: decides, writes nothing.

A module of its own: the decisions, apart from the types that rules has.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from billing.calendar import MONTH, Period
from billing.credits.rules import CreditPurchase, purchase
from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind
from billing.payees.rules import Customer, Isp, IspAccount, Line, LineReason, LineState, Payees, resumed
from billing.payments.rules import Outcome, Payment, Receipt, UnmatchedReason, normalise

# The shape of a customer's account, such as 0949AQ. It only words the reason; the look-up tries any reference.
_CUSTOMER_SHAPE = re.compile(r"\d{1,4}[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Assigned:
    """That an operator says where a held payment belongs: who, how many transfers it has, and where its money is."""

    by: str
    moved_before: int
    from_account: str


@dataclass(slots=True, kw_only=True)
class Settlement:
    """All that one payment changes. `wallet_cents` is what the ISP's wallet gets, `credit_cents` what is kept for the
    customer, or below 0 what is spent of what was kept before; `credit_left_cents` what is then.
    """

    payment: Payment
    outcome: Outcome
    reason: UnmatchedReason | None = None
    isp: Isp | None = None
    customer: Customer | None = None
    package_cents: int = 0
    wallet_cents: int = 0
    credit_cents: int = 0
    credit_left_cents: int = 0
    credits: CreditPurchase | None = None
    previous_due_date: date | None = None
    due_date: date | None = None
    previous_due_day: int | None = None
    due_day: int | None = None  # see Customer
    paused_since: date | None = None  # of a pause that a full payment ends
    given: int = 1  # packages, of a full payment
    switches: bool = False  # something else is wanted of the line than before

    @property
    def line(self) -> Line | None:
        """What to switch on; None when nothing was paid for, nothing is on record, or staff have cut it."""
        if self.customer is None or self.outcome is not Outcome.CUSTOMER_PAID:
            return None
        return None if self.customer.hold is LineReason.BY_STAFF else self.customer.line

    def take_effect(self) -> None:
        """Let its customer be as it is after it: the next payment of a batch starts from there. A pause ends."""
        customer = self.customer
        if customer is None:
            return
        customer.next_payment_date, customer.due_day = self.due_date, self.due_day
        if self.outcome is not Outcome.CUSTOMER_PAID or customer.hold is LineReason.BY_STAFF:
            return
        self.switches = customer.wanted is not LineState.ON or customer.reason is not LineReason.PAID
        customer.version += customer.wanted is not LineState.ON
        customer.wanted, customer.reason, customer.hold, customer.hold_since = LineState.ON, LineReason.PAID, None, None

    @property
    def packages(self) -> int:
        """How many packages a customer paid at once, whatever was given for them."""
        return self.payment.amount_cents // self.package_cents if self.package_cents else 0

    @property
    def is_uneven(self) -> bool:
        """Whether a customer paid another amount than the package: what becomes of the difference was decided."""
        return self.payment.amount_cents != self.package_cents and self.customer is not None

    @property
    def missing_cents(self) -> int:
        """What of a part payment is missing for the package."""
        paid = self.credit_left_cents if self.credit_cents > 0 else self.payment.amount_cents
        return max(self.package_cents - paid, 0)

    def credit(self, wallets: dict[int, int]) -> int:
        """Add its money to wallets; what its ISP's then holds, 0 without an ISP."""
        if self.isp is None:
            return 0
        wallets[self.isp.isp_id] += self.wallet_cents
        return wallets[self.isp.isp_id]

    def transfers(self, assigned: Assigned | None = None) -> list[Transfer]:
        """How its money moves: from the paybill when it comes in, from what is held once it is assigned."""
        kind, from_account = TransferKind.PAYMENT, ledger.paybill(self.payment.business_short_code)
        if assigned:
            kind, from_account = TransferKind.ASSIGNMENT, assigned.from_account
        actor, first = (assigned.by, assigned.moved_before + 1) if assigned else ("", 1)
        moves = [(kind, from_account, account, cents) for account, cents in self._shares()]
        if self.customer and self.isp and self.credit_cents < 0:
            of_credit = ledger.credit(self.customer.customer_id), ledger.wallet(self.isp.isp_id)
            moves.append((TransferKind.SPENDING, *of_credit, -self.credit_cents))
        return [Transfer(self.payment.trans_id, number, *move, actor) for number, move in enumerate(moves, first)]

    def _shares(self) -> Iterator[tuple[str, int]]:
        if self.isp is None:
            yield ledger.HELD, self.payment.amount_cents
            return
        if self.credits and (price := self.payment.amount_cents - self.wallet_cents):
            yield ledger.revenue(self.credits.credit_type), price
        if self.customer and self.credit_cents > 0:
            yield ledger.credit(self.customer.customer_id), self.credit_cents
        if paid := self.wallet_cents + min(self.credit_cents, 0):
            yield ledger.wallet(self.isp.isp_id), paid

    def receipt(self) -> Receipt:
        return Receipt(
            self.payment.trans_id,
            self.outcome,
            self.reason,
            self.isp.isp_id if self.isp else None,
            self.customer.customer_id if self.customer else None,
        )


def settle_new(payment: Payment, payees: Payees, shortcodes: AbstractSet[str], today: date) -> Settlement:
    """Decide what a payment does as it came in. `shortcodes` are ours; with none named (the sandbox) every one is."""
    if shortcodes and payment.business_short_code.strip() not in shortcodes:
        return _held(payment, UnmatchedReason.UNKNOWN_SHORTCODE)
    if "revers" in payment.transaction_type.lower():  # M-Pesa took that money back from somebody
        return _held(payment, UnmatchedReason.REVERSAL)
    return settle(payment, payment.bill_ref_number, payees, today)


def settle(payment: Payment, bill_ref_number: str, payees: Payees, today: date) -> Settlement:
    """Decide what a payment does to the account that a reference, as typed, means. `today` is the day in Nairobi."""
    reference = normalise(bill_ref_number)
    account = next((account for account in IspAccount if reference.startswith(account)), None)
    isps = payees.isps_with(account, reference) if account else []
    customers = payees.customers_with(reference) if reference and not isps else []
    if len(isps) > 1 or len(customers) > 1:
        return _held(payment, UnmatchedReason.AMBIGUOUS_REFERENCE)
    if account and isps:
        return _of_isp(payment, isps[0], account)
    if customers:
        return of_customer(payment, customers[0], payees.isps.get(customers[0].isp_id or 0), today)
    return _held(payment, _why_nobody(reference, account))


def _held(payment: Payment, reason: UnmatchedReason) -> Settlement:
    return Settlement(payment=payment, outcome=Outcome.UNMATCHED, reason=reason)


def _why_nobody(reference: str, account: IspAccount | None) -> UnmatchedReason:
    if account:
        return UnmatchedReason.ISP_NOT_FOUND
    return UnmatchedReason.USER_NOT_FOUND if _CUSTOMER_SHAPE.match(reference) else UnmatchedReason.UNKNOWN_REFERENCE


def _of_isp(payment: Payment, isp: Isp, account: IspAccount) -> Settlement:
    """The ISP pays into one of its own accounts."""
    if isp.closed:
        return _held(payment, UnmatchedReason.ACCOUNT_CLOSED)
    if account is IspAccount.SERVICE:
        return Settlement(payment=payment, outcome=Outcome.SERVICE_PAYMENT, isp=isp, wallet_cents=payment.amount_cents)
    credit_type = "sms" if account is IspAccount.SMS else "whatsapp"
    bought, rest = purchase(isp.isp_id, payment.trans_id, credit_type, payment.amount_cents)
    outcome = Outcome.SMS_CREDITS if account is IspAccount.SMS else Outcome.WHATSAPP_CREDITS
    return Settlement(payment=payment, outcome=outcome, isp=isp, wallet_cents=rest, credits=bought)


def of_customer(payment: Payment, customer: Customer, isp: Isp | None, today: date) -> Settlement:
    """A customer pays for the line; the money is the ISP's."""
    package_cents = customer.package_cents or 0
    if isp is None:
        return _held(payment, UnmatchedReason.ISP_NOT_FOUND)
    if customer.closed or isp.closed:
        return _held(payment, UnmatchedReason.ACCOUNT_CLOSED)
    if package_cents <= 0:
        return _held(payment, UnmatchedReason.PACKAGE_NOT_SET)
    enough = payment.amount_cents >= package_cents
    due_date, due_day = customer.next_payment_date, customer.due_day
    if enough:
        due_date, due_day = due_after(customer, today)
    return Settlement(
        payment=payment,
        outcome=Outcome.CUSTOMER_PAID if enough else Outcome.CUSTOMER_PARTIAL,
        isp=isp,
        customer=customer,
        package_cents=package_cents,
        wallet_cents=payment.amount_cents,
        previous_due_date=customer.next_payment_date,
        previous_due_day=customer.due_day,
        paused_since=customer.hold_since if customer.hold is LineReason.PAUSED else None,
        due_date=due_date,
        due_day=due_day,
    )


def due_after(customer: Customer, today: date) -> tuple[date, int | None]:
    """The due date of a customer who pays for a package, see next_due; a pause ends, and its days are kept."""
    due_date = customer.next_payment_date
    if customer.hold is LineReason.PAUSED:
        due_date = resumed(due_date, customer.hold_since, today)
    return next_due(due_date, customer.due_day, today, customer.period)


@lru_cache(maxsize=1024)  # a batch has few dates and many customers
def next_due(
    due_date: date | None, due_day: int | None, today: date, period: Period = MONTH
) -> tuple[date, int | None]:
    """A period from the due date if it is later than today, else from today; clamped to the month's end. Behind it the
    day of the month that was clamped, which the months after it get back; None when none was.

    The year 9999 is how some say "for ever": there is no later one, such a date stays.
    """
    start = max(due_date, today) if due_date else today
    if start.year == date.max.year:
        return start, None
    is_month_end = (start + timedelta(days=1)).day == 1
    day = max(start.day, due_day or 0) if start == due_date and is_month_end else start.day
    return period.after(start, day)
