"""What a bulk changes of a customer, how that is put back, and the token that names what a preview showed. Pure."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256

from servicekit.money import MAX_AMOUNT_CENTS

from billing.changes.rules import Author
from billing.lines.rules import MAX_EXTENSION_DAYS, extended
from billing.payees.rules import Customer

# The rest of a history row's reason names the bulk.
MAX_REASON = 200


class Action(StrEnum):
    """What is done to each customer."""

    EXTEND = "extend"
    PRICE = "price"


class BulkState(StrEnum):
    """How far a bulk is."""

    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"


class MemberState(StrEnum):
    """What became of one customer. SKIPPED: there was nothing to change; LEFT: changed by somebody else since."""

    DUE = "due"
    DONE = "done"
    SKIPPED = "skipped"
    UNDONE = "undone"
    LEFT = "left"


FIELDS = {Action.EXTEND: "next_payment_date", Action.PRICE: "package_cents"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which customers: all that is set must fit. 0 and None: any. `paid`: whether the paid time is not over.

    Closed accounts are never meant. Dates are ISO 8601, both ends included.
    """

    isp_id: int = 0
    router_id: int = 0
    package_cents: int = 0
    paid: bool | None = None
    due_from: str = ""
    due_until: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom, and what: `value` is days to extend by, or the new price in cents."""

    filter: Filter
    action: Action
    value: int

    def write(self) -> str:
        """As text, to be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Plan":
        """From text. Raises ValueError, TypeError, KeyError."""
        told = json.loads(text)
        return cls(Filter(**told["filter"]), Action(told["action"]), int(told["value"]))


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk that was begun."""

    bulk_id: int
    plan: Plan
    state: BulkState
    author: Author
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One customer of a bulk, with what was before and after as text, and why nothing was changed or put back."""

    row_id: int
    customer_id: int
    state: MemberState = MemberState.DUE
    before: str = ""
    after: str = ""
    due_day: int | None = None
    note: str = ""


def faults(plan: Plan) -> str:
    """What is wrong with a plan, or nothing."""
    chosen = plan.filter
    if not chosen.isp_id and not chosen.router_id:
        return "say of which ISP or router: all customers of all ISPs are never meant"
    for day in filter(None, (chosen.due_from, chosen.due_until)):
        if not _is_day(day):
            return f"{day!r} is not a day such as 2026-03-31"
    if plan.action is Action.EXTEND:
        good = 1 <= plan.value <= MAX_EXTENSION_DAYS
        return "" if good else f"extend_days: 1 to {MAX_EXTENSION_DAYS}, not {plan.value}"
    if not chosen.isp_id or not chosen.package_cents:
        return "a price is changed of an ISP's customers of one package: say which ISP, and the old price"
    if not 1 <= plan.value <= MAX_AMOUNT_CENTS:
        return "price_cents: not an amount"
    return "the new price is the old one" if plan.value == chosen.package_cents else ""


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def changed(plan: Plan, customer: Customer, today: date) -> Customer | str:
    """The customer after it; or why there is nothing to change."""
    if customer.closed:
        return "the account is closed"
    if plan.action is Action.PRICE:
        if customer.package_cents != plan.filter.package_cents:
            return "the package has another price by now"
        return replace(customer, package_cents=plan.value)
    due_date = extended(customer, plan.value, today)
    if due_date is None:
        return "there is no due date that could be moved"
    return replace(customer, next_payment_date=due_date, due_day=None)


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
        return f"{FIELDS[plan.action].removesuffix('_cents')} was changed since"
    if plan.action is Action.PRICE:
        return replace(customer, package_cents=int(member.before))
    return replace(customer, next_payment_date=date.fromisoformat(member.before), due_day=member.due_day)


def text_of(plan: Plan, customer: Customer) -> str:
    """What the bulk changes, as it is: a date, or cents."""
    value = getattr(customer, FIELDS[plan.action])
    return "" if value is None else str(value)


def applied_by(bulk: Bulk) -> Author:
    """Who stands in the history."""
    return Author(bulk.author.actor, f"bulk {bulk.bulk_id}: {bulk.author.reason}")


def undone_by(bulk: Bulk, author: Author) -> Author:
    """Likewise of what is put back."""
    return Author(author.actor, f"undo of bulk {bulk.bulk_id}: {author.reason}")


def digest(plan: Plan, customers: Iterable[Customer]) -> str:
    """Of the plan, who is meant, and what decides: for a price the old one; days are added to any date."""
    values = ((one.customer_id, one.package_cents if plan.action is Action.PRICE else 0) for one in customers)
    return sha256(json.dumps([plan.write(), sorted(values)]).encode()).hexdigest()


def write_token(plan: Plan, seen: str, nonce: str) -> str:
    """What names a preview. `seen`: the digest; `nonce`: of this preview alone: the next one is another bulk."""
    return base64.urlsafe_b64encode(json.dumps([asdict(plan), seen, nonce]).encode()).decode()


def read_token(token: str) -> tuple[Plan, str] | None:
    """The plan and the digest; None: that is no token."""
    try:
        told, seen, _ = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        plan = Plan.read(json.dumps(told))
    except (ValueError, TypeError, KeyError, binascii.Error):
        return None
    return plan, str(seen)


def key_of(token: str) -> str:
    """What a bulk is found by: one token is one bulk."""
    return sha256(token.encode()).hexdigest()


def total_cents(customers: Iterable[Customer]) -> int:
    """The packages together."""
    return sum(one.package_cents or 0 for one in customers)
