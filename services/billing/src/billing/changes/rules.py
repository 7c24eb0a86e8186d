"""What may be changed on an ISP or a customer, and how a change is told. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from servicekit.money import in_shillings

from billing.accounts.rules import (
    Known,
    account_conflict,
    account_taken,
    customer_faults,
    isp_conflict,
    line_conflict,
    package_conflict,
)
from billing.packages import rules as packages
from billing.payees.rules import Customer, Isp
from billing.payments.rules import normalise

ISP_FIELDS = ("name", "sms_account", "wa_account", "pay_account_number", "contact_phone", "closed")
CUSTOMER_FIELDS = (
    "account_name", "full_name", "username", "package_cents", "router_id", "isp_id", "phone", "next_payment_date",
    "closed", "package_name",
)  # fmt: skip
# The field of a change that says which payment was taken back from a customer: by the TransID, before.
TAKEN_BACK = "payment"
# A task follows these: which line it is about, with which package, and how long it is paid for.
FOLLOWED = frozenset({"username", "router_id", "line_package", "next_payment_date", "closed"})


# How the reason of whatever undoes begins.
UNDOES = re.compile(r"undoes \d+: |undo of bulk \d+: ")


class Noun(StrEnum):
    """What was changed."""

    ISP = "isp"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and why."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field as it was and as it is, as text for people; empty for none."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change that was made; `noun_id`: of the ISP or the customer."""

    change_id: int
    change: FieldChange
    author: Author
    create_time: datetime
    noun: Noun
    noun_id: int


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes: of an ISP or a customer, or of all, without what follows from others; by whom, and since when."""

    noun: Noun | None = None
    noun_id: int = 0
    actor: str = ""
    since: datetime | None = None


def standing(changes: Sequence[StoredChange]) -> list[StoredChange]:
    """Those of these later and later changes of one field that were not undone since, and no undoing of them."""
    found: list[StoredChange] = []
    for one in changes:
        if found and UNDOES.match(one.author.reason):
            found.pop()  # an undo is refused unless it is the last that was undone
        else:
            found.append(one)
    return found


@dataclass(frozen=True, slots=True)
class CustomerUpdate:
    """Which customer is to be changed, by id or, where that is 0, by account; the new values of some fields."""

    customer_id: int
    account: str
    fields: Sequence[str]
    customer: Customer

    def apply(self, old: Customer) -> Customer:
        """The customer as it would be."""
        values = {name: getattr(self.customer, name) for name in self.fields}
        # A date that somebody gives counts as it stands.
        moved = values.get("next_payment_date", old.next_payment_date) != old.next_payment_date
        return replace(old, **({"due_day": None} if moved else {}) | values)


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """How changing one customer went; `error` names the field and the fault."""

    customer_id: int = 0
    changes: Sequence[FieldChange] = ()
    error: str = ""
    line_shared: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of an update: the customer as it was and as it becomes, and which fields change."""

    result: UpdateResult
    old: Customer
    new: Customer
    changed: Sequence[str]


def decide(old: Customer, update: CustomerUpdate, known: Known, author: Author) -> Decision:
    """Whether a customer can be changed, beside those that are known; these follow the change."""
    new = update.apply(old)
    changed = changed_fields(old, new, dict.fromkeys((*update.fields, "due_day")))
    known.remove(old)
    faults = [fault for name, fault in customer_faults(new) if name in changed]
    faults += [lacks_a_reason(old, new, changed, author), _conflict(old, new, known)]
    error = next(filter(None, faults), "")
    shared = known.with_line(old.line) is not None
    known.add(old if error else new)
    if error:
        return Decision(UpdateResult(old.customer_id, error=error), old, old, ())
    return Decision(UpdateResult(old.customer_id, told(old, new, changed), line_shared=shared), old, new, changed)


def with_package(old: Customer, update: CustomerUpdate, known: Known) -> CustomerUpdate:
    """An update with all that follows where it gives another package, but for what it says itself."""
    new = update.apply(old)
    package = known.package_of(new)
    if not _has_another_package(old, new) or (new.package_name and package is None):
        return update
    full = packages.given(new, package)
    follows = [name for name in packages.GIVEN if name not in update.fields]
    values = {name: getattr(full, name) for name in follows}
    return replace(update, fields=(*update.fields, *follows), customer=replace(update.customer, **values))


def _has_another_package(old: Customer, new: Customer) -> bool:
    """Another ISP's package is another one, whatever it is called."""
    of_isp = new.isp_id != old.isp_id and new.package_name
    return bool(of_isp or new.package_name != old.package_name)


def changed_fields(old: Isp | Customer, new: Isp | Customer, fields: Iterable[str]) -> list[str]:
    """Those of these fields that differ."""
    return [name for name in fields if getattr(old, name) != getattr(new, name)]


def told(old: Isp | Customer, new: Isp | Customer, fields: Sequence[str]) -> list[FieldChange]:
    """The changes of these fields."""
    return [
        FieldChange(name.removesuffix("_cents"), as_text(name, getattr(old, name)), as_text(name, getattr(new, name)))
        for name in fields
    ]


def as_text(name: str, value: str | int | date | None) -> str:
    """A field's value as text for people; empty for none."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int) and name.endswith("_cents"):
        return in_shillings(value)
    return "" if value is None else str(value)[:255]


def lacks_a_reason(old: Customer | Isp, new: Customer | Isp, changed: Sequence[str], author: Author) -> str:
    """What cannot be done without saying why; or nothing."""
    if author.reason:
        return ""
    if "next_payment_date" in changed:
        return "next_payment_date: a due date is changed with a reason"
    return "closed: closing needs a reason" if new.closed and not old.closed else ""


def _conflict(old: Customer, new: Customer, known: Known) -> str:
    """Why a customer cannot become another beside those that are known, or nothing. `known`: the others."""
    reopened = old.closed and not new.closed
    if reopened or normalise(new.account_name) != normalise(old.account_name):
        there = [one for one in known.with_account(new.account_name) if not (reopened and one.closed)]
        if fault := account_conflict(new, known) or (account_taken(new, there[0]) if there else ""):
            return fault
    if new.isp_id != old.isp_id and (fault := isp_conflict(new, known)):
        return fault
    if _has_another_package(old, new) and (fault := package_conflict(new, known)):
        return fault
    return line_conflict(new, known) if not new.closed and (reopened or new.line != old.line) else ""
