"""What a bulk is: whom it means, what is done, how far it is; and the token that names what a preview showed. Pure."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256

from servicekit.money import MAX_AMOUNT_CENTS

from billing.announcements import rules as announcements
from billing.changes.rules import Author
from billing.lines.rules import MAX_EXTENSION_DAYS
from billing.payees.rules import Customer

# The rest of a history row's reason names the bulk.
MAX_REASON = 200


class Action(StrEnum):
    """What is done to each customer."""

    EXTEND = "extend"
    PRICE = "price"
    SUSPEND = "suspend"
    MESSAGE = "message"


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
    """Whom, and what: `value` is days to extend by, or the new price in cents; `text` what is told."""

    filter: Filter
    action: Action
    value: int = 0
    text: str = ""

    def write(self) -> str:
        """As text, to be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Plan":
        """From text. Raises ValueError, TypeError, KeyError."""
        told = json.loads(text)
        return cls(Filter(**told["filter"]), Action(told["action"]), int(told["value"]), told.get("text", ""))


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
    """One customer of a bulk, with what was before and after as text, and why nothing was changed or put back.

    Of a message `after` is the number of its task.
    """

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
    return _FAULTS[plan.action](plan)


def _extension_faults(plan: Plan) -> str:
    good = 1 <= plan.value <= MAX_EXTENSION_DAYS
    return "" if good else f"extend_days: 1 to {MAX_EXTENSION_DAYS}, not {plan.value}"


def _price_faults(plan: Plan) -> str:
    if not plan.filter.isp_id or not plan.filter.package_cents:
        return "a price is changed of an ISP's customers of one package: say which ISP, and the old price"
    if not 1 <= plan.value <= MAX_AMOUNT_CENTS:
        return "price_cents: not an amount"
    return "the new price is the old one" if plan.value == plan.filter.package_cents else ""


_FAULTS: Mapping[Action, Callable[[Plan], str]] = {
    Action.EXTEND: _extension_faults,
    Action.PRICE: _price_faults,
    Action.SUSPEND: lambda _: "",
    Action.MESSAGE: lambda plan: announcements.fault(plan.text),
}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


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
