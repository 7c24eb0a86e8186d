"""Who is renewed from credit, until when, and how that is told. Pure."""

from dataclasses import dataclass, replace
from datetime import date

from servicekit.money import grouped

from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind
from billing.notices import rules as notices
from billing.notices.rules import Notice
from billing.payees.rules import Customer, LineState
from billing.payments.settlement import next_due


@dataclass(frozen=True, slots=True)
class Credit:
    """What is kept for a customer, and how many transfers have made that."""

    cents: int
    transfers: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """A customer before a package was paid from the credit, and after it. `number`: the transfer's among all of that
    credit; `left_cents`: what is left of it.
    """

    before: Customer
    after: Customer
    number: int
    left_cents: int

    @property
    def amount_cents(self) -> int:
        """The package."""
        return self.before.package_cents or 0

    def transfer(self) -> Transfer:
        """From the credit to the ISP's wallet. It belongs to no payment: no TransID has a dash."""
        customer_id, isp_id = self.before.customer_id, self.before.isp_id or 0
        accounts = ledger.credit(customer_id), ledger.wallet(isp_id)
        return Transfer(
            f"RENEWAL-{customer_id}", self.number, TransferKind.RENEWAL, *accounts, self.amount_cents, "sweep"
        )

    def notice(self) -> Notice:
        """What the customer is told."""
        facts = {
            "amount": grouped(self.amount_cents),
            "due_date": notices.day(self.after.next_payment_date),
            "credit": grouped(self.left_cents),
        }
        return Notice("renewed", facts, customer=notices.phone_of(self.before))


def is_over(customer: Customer, today: date) -> bool:
    """Whether the paid time of a customer is over whom nothing but money keeps off."""
    due_date = customer.next_payment_date
    if due_date is None or due_date >= today or customer.closed or customer.hold:
        return False
    return bool(customer.isp_id and customer.package_cents and customer.package_cents > 0)


def renewed(customer: Customer, credit: Credit, today: date) -> Renewal | None:
    """The package that the credit of a customer whose time is over pays for; None: it does not make a package."""
    left = credit.cents - (customer.package_cents or 0)
    if left < 0:
        return None
    due_date, due_day = _due(customer, today)
    after = replace(customer, next_payment_date=due_date, due_day=due_day)
    return Renewal(customer, after, credit.transfers + 1, left)


def _due(customer: Customer, today: date) -> tuple[date, int | None]:
    """A period from the due date; from today if the line has been off, or that period would be over too."""
    was_on = customer.wanted is LineState.ON or (customer.wanted is None and customer.active)
    if was_on and customer.next_payment_date:
        last = customer.next_payment_date
        due_date, due_day = next_due(last, customer.due_day, last, customer.period)
        if due_date >= today:
            return due_date, due_day
    return next_due(None, None, today, customer.period)
