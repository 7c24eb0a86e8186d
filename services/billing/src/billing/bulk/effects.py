"""What each action does to one customer, how that is put back, and how it is told. Pure.

A module of its own: rules says what a bulk is, this one what comes of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from billing.announcements import rules as announcements
from billing.bulk.rules import Action, Member, MemberState, Plan
from billing.changes.rules import told
from billing.lines.rules import extended, held
from billing.payees.rules import Customer, LineReason

# The fields that an action changes, as Customer has them; the first one says what is done. The day of the month goes
# with a date that is given, and is kept so that one customer can be undone as well.
FIELDS: Mapping[Action, Sequence[str]] = {
    Action.EXTEND: ("next_payment_date", "due_day"),
    Action.PRICE: ("package_cents",),
    Action.SUSPEND: ("hold", "hold_since"),
    Action.MESSAGE: (),
}
# What decides whether lines are on.
MOVES_LINES = frozenset({Action.EXTEND, Action.SUSPEND})


def left_out(plan: Plan, customer: Customer) -> str:
    """Why a customer who fits is not meant all the same; or nothing."""
    if plan.action is Action.MESSAGE:
        return announcements.lack(plan.text, customer)
    if plan.action is Action.SUSPEND and customer.hold:
        return f"the line is kept off already ({customer.hold})"
    return ""


def changed(plan: Plan, customer: Customer, today: date) -> Customer | str:
    """The customer after it; or why there is nothing to change."""
    if customer.closed:
        return "the account is closed"
    if fault := left_out(plan, customer):
        return fault
    if plan.action is Action.PRICE and customer.package_cents != plan.filter.package_cents:
        return "the package has another price by now"
    if plan.action is Action.EXTEND and extended(customer, plan.value, today) is None:
        return "there is no due date that could be moved"
    return _after(plan, customer, today)


def _after(plan: Plan, customer: Customer, today: date) -> Customer:
    match plan.action:
        case Action.EXTEND:
            return replace(customer, next_payment_date=extended(customer, plan.value, today), due_day=None)
        case Action.PRICE:
            return replace(customer, package_cents=plan.value)
        case Action.SUSPEND:
            return held(customer, LineReason.BY_STAFF, today)
        case Action.MESSAGE:
            return customer


def done(plan: Plan, member: Member, old: Customer, new: Customer) -> Member:
    """What is kept of a customer who was changed."""
    day = old.due_day if plan.action is Action.EXTEND else None
    before, after = text_of(plan, old), text_of(plan, new)
    return replace(member, state=MemberState.DONE, before=before, after=after, due_day=day)


def put_back(plan: Plan, customer: Customer, member: Member) -> Customer | str:
    """The customer as before; or why not: somebody else has changed since what the bulk had."""
    now = text_of(plan, customer)
    moved = plan.action is Action.EXTEND and customer.due_day is not None
    if now != member.after or moved:
        return changed_since(plan)
    if plan.action is Action.SUSPEND:  # nobody was suspended who was kept off before
        return replace(customer, hold=None, hold_since=None)
    if plan.action is Action.PRICE:
        return replace(customer, package_cents=int(member.before))
    return replace(customer, next_payment_date=date.fromisoformat(member.before), due_day=member.due_day)


def changed_since(plan: Plan) -> str:
    """Why somebody is not put back."""
    return f"{name_of(plan)} was changed since"


def name_of(plan: Plan) -> str:
    """The field that is changed, as the history calls it."""
    return FIELDS[plan.action][0].removesuffix("_cents")


def text_of(plan: Plan, customer: Customer) -> str:
    """What the bulk changes, as it is: a date, cents, or why a line is kept off."""
    value = getattr(customer, FIELDS[plan.action][0])
    return "" if value is None else str(value)


def shown(plan: Plan, old: Customer, new: Customer) -> tuple[str, str]:
    """What a preview shows of a customer: as it is, and as it would be; of a message, nothing and its text."""
    if plan.action is Action.MESSAGE:
        return "", announcements.filled(plan.text, old)
    (change,) = told(old, new, FIELDS[plan.action][:1])
    return change.before, change.after
