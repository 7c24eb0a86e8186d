"""What becomes of what is paid above the package, as was decided; and how that is told. Pure."""

from dataclasses import replace
from datetime import date

from dateutil.relativedelta import relativedelta
from servicekit.money import grouped

from billing.payments.rules import TimelineEntry
from billing.payments.settlement import Settlement
from billing.policies.rules import LinePolicy, Overpayments, PartPayments


def divide(paid: Settlement, policy: LinePolicy, credit_cents: int) -> Settlement:
    """A full payment with what is above the package where it belongs. `credit_cents`: the customer's credit before."""
    assert paid.due_date
    amount_cents, given, due = paid.payment.amount_cents, 1, (paid.due_date, paid.due_day)
    if policy.overpayments is Overpayments.MONTHS:
        given, due = paid.months, later(*due, paid.months - 1)
    kept = amount_cents - given * paid.package_cents if _keeps_rest(policy) else 0
    return replace(
        paid,
        wallet_cents=amount_cents - kept,
        credit_cents=kept,
        credit_left_cents=credit_cents + kept if kept else 0,
        given=given,
        due_date=due[0],
        due_day=due[1],
    )


def _keeps_rest(policy: LinePolicy) -> bool:
    """Whether what is no whole package is the customer's: of further months, as a part payment would be."""
    if policy.overpayments is Overpayments.MONTHS:
        return policy.part_payments is PartPayments.CREDIT
    return policy.overpayments is Overpayments.CREDIT


def later(due_date: date, due_day: int | None, months: int) -> tuple[date, int | None]:
    """A due date that is to come, so many months later, and the day of the month that was clamped: see next_due."""
    months = min(months, (date.max.year - due_date.year) * 12)  # the calendar ends
    day = due_day or due_date.day
    due = due_date + relativedelta(months=months, day=day)
    return due, day if due.day < day else None


def entry(settled: Settlement) -> TimelineEntry:
    """What a timeline says of a payment of several packages."""
    given = f"{settled.given:,} are" if settled.given > 1 else "one is"
    rest = "the rest is the customer's credit" if settled.credit_cents else "all of the money is in the wallet"
    message = f"Paid for {settled.months:,} months: {given} given, {rest}"
    facts = {"months": settled.months, "given": settled.given}
    return TimelineEntry(settled.payment.trans_id, "OVERPAYMENT", message, facts)


def note(settled: Settlement) -> str:
    """What staff are told of it beside the package; empty when there is nothing to tell."""
    notes = []
    if settled.months > 1:
        notes.append(f"PAID FOR {settled.months:,} MONTHS, GOT {settled.given:,}")
    if settled.credit_cents > 0:
        notes.append(f"KES {grouped(settled.credit_cents)} KEPT")
    return f" ({', '.join(notes)})" if notes else ""
