"""What becomes of what is paid above the package, as was decided; and how that is told. Pure."""

from dataclasses import replace
from datetime import date

from servicekit.money import grouped

from billing.calendar import MONTH, Period
from billing.payments.rules import TimelineEntry
from billing.payments.settlement import Settlement
from billing.policies.rules import LinePolicy, Overpayments, PartPayments


def divide(paid: Settlement, policy: LinePolicy, credit_cents: int) -> Settlement:
    """A full payment with what is above the package where it belongs. `credit_cents`: the customer's credit before."""
    assert paid.due_date
    assert paid.customer
    amount_cents, given, due = paid.payment.amount_cents, 1, (paid.due_date, paid.due_day)
    if policy.overpayments is Overpayments.MONTHS:
        given, due = paid.packages, later(*due, paid.packages - 1, paid.customer.period)
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
    """Whether what is no whole package is the customer's: of further packages, as a part payment would be."""
    if policy.overpayments is Overpayments.MONTHS:
        return policy.part_payments is PartPayments.CREDIT
    return policy.overpayments is Overpayments.CREDIT


def later(due_date: date, due_day: int | None, many: int, period: Period = MONTH) -> tuple[date, int | None]:
    """A due date that is to come, so many periods later, and the day of the month that was clamped: see next_due."""
    return _times(period, many).after(due_date, due_day or due_date.day)


def _times(period: Period, many: int) -> Period:
    return replace(period, count=period.count * many)


def entry(settled: Settlement) -> TimelineEntry:
    """What a timeline says of a payment of several packages."""
    paid, got = _paid_and_got(settled)
    given = f"{got.count:,} are" if got.count > 1 else "one is"
    rest = "the rest is the customer's credit" if settled.credit_cents else "all of the money is in the wallet"
    message = f"Paid for {paid.count:,} {paid.unit}s: {given} given, {rest}"
    facts = {f"{paid.unit}s": paid.count, "given": got.count}
    return TimelineEntry(settled.payment.trans_id, "OVERPAYMENT", message, facts)


def _paid_and_got(settled: Settlement) -> tuple[Period, Period]:
    period = settled.customer.period if settled.customer else MONTH
    return _times(period, settled.packages), _times(period, settled.given)


def note(settled: Settlement) -> str:
    """What staff are told of it beside the package; empty when there is nothing to tell."""
    notes = []
    if settled.packages > 1:
        paid, got = _paid_and_got(settled)
        notes.append(f"PAID FOR {paid.count:,} {paid.unit.upper()}S, GOT {got.count:,}")
    if settled.credit_cents > 0:
        notes.append(f"KES {grouped(settled.credit_cents)} KEPT")
    return f" ({', '.join(notes)})" if notes else ""
