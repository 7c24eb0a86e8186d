"""What a routed payment does to wallets, credits and dates. Pure: decides, writes nothing."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from dateutil.relativedelta import relativedelta

from billing.accounts.rules import Customer, Isp, IspAccount
from billing.payments.routing import Held, Route, ToCustomer, ToIsp
from billing.payments.rules import Outcome, Payment, Receipt, UnmatchedReason

SMS_CREDIT_CENTS = 50
WHATSAPP_CREDIT_CENTS = 20


@dataclass(frozen=True, slots=True)
class Credits:
    """Credits bought: `credit_type` is the predecessor's "sms" or "whatsapp", `unit_cents` the price of one."""

    credit_type: str
    count: int
    unit_cents: int


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
    credits: Credits | None = None
    previous_due_date: date | None = None
    due_date: date | None = None

    @property
    def line(self) -> tuple[int, str] | None:
        """The router and username to enable; None when nothing was paid for or nothing is on record."""
        return self.customer.line if self.customer and self.outcome is Outcome.CUSTOMER_PAID else None

    @property
    def wallet_kind(self) -> str:
        """The word for the wallet entry."""
        if self.credits:
            return "credit_remainder"
        return "customer_payment" if self.customer else "service_payment"

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
        case Held(reason):
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
        credits=Credits("sms" if sms else "whatsapp", count, unit_cents),
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
