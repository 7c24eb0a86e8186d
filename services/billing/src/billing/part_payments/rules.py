"""What becomes of a payment below the package: kept for its customer, or a full one by what was kept before. Pure."""

from dataclasses import replace
from datetime import date

from servicekit.money import grouped

from billing.payments.rules import Outcome, TimelineEntry
from billing.payments.settlement import Settlement, due_after


def spend(part: Settlement, credit_cents: int, today: date) -> Settlement:
    """As a full payment: what is missing comes from the customer's credit, which is enough."""
    assert part.customer
    missing = part.package_cents - part.payment.amount_cents
    due_date, due_day = due_after(part.customer, today)
    return replace(
        part,
        outcome=Outcome.CUSTOMER_PAID,
        wallet_cents=part.package_cents,
        credit_cents=-missing,
        credit_left_cents=credit_cents - missing,
        due_date=due_date,
        due_day=due_day,
    )


def keep(part: Settlement, credit_cents: int) -> Settlement:
    """Added to the customer's credit."""
    cents = part.payment.amount_cents
    return replace(part, wallet_cents=0, credit_cents=cents, credit_left_cents=credit_cents + cents)


def entry(settled: Settlement) -> TimelineEntry:
    """What a timeline says of the credit that a payment made or spent."""
    cents, left = grouped(abs(settled.credit_cents)), grouped(settled.credit_left_cents)
    category, what = ("CREDIT_KEPT", "kept as") if settled.credit_cents > 0 else ("CREDIT_SPENT", "spent of")
    message = f"KES {cents} {what} the customer's credit, which is KES {left} now"
    return TimelineEntry(settled.payment.trans_id, category, message, {"amount": cents, "credit": left})
