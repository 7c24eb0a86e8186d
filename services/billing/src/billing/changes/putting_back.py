"""What putting the changes of an ISP or a customer back means: which fields, and what they were. Pure.

A module of its own: rules says how a value is told, this one how it is read again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from servicekit.money import to_cents

from billing.changes.rules import CUSTOMER_FIELDS, ISP_FIELDS, StoredChange, as_text
from billing.packages.rules import read_period
from billing.payees.rules import Customer, Isp, LineReason

Record = TypeVar("Record", Isp, Customer)

POLICY = "policy."
# They follow from the others.
_FOLLOWS = {"line"}
_READERS: Mapping[str, Callable[[str], Any]] = {
    "package_cents": to_cents,
    "router_id": int,
    "isp_id": int,
    "due_day": int,
    "next_payment_date": date.fromisoformat,
    "hold_since": date.fromisoformat,
    "hold": LineReason,
    "period": read_period,
    "package_day": date.fromisoformat,
}
_TEXTS = {"account_name", "full_name", "username", "phone", "package_name", "line_package", *ISP_FIELDS}
# Of a customer.
FIELDS = (*CUSTOMER_FIELDS, "hold", "hold_since", "due_day", "period", "line_package", "package_day")


def own_fields(act: Sequence[StoredChange]) -> dict[str, StoredChange]:
    """An act's changes by the field, as the record calls it; without what follows from the others."""
    return {_name(one.change.field): one for one in act if one.change.field not in _FOLLOWS}


def _name(told: str) -> str:
    return "package_cents" if told == "package" else told


def put_back(record: Record, changes: Mapping[str, StoredChange]) -> Record:
    """The ISP or customer as it was before these changes of its fields."""
    return replace(record, **{name: _read(name, one.change.before) for name, one in changes.items()})


def _read(name: str, text: str) -> Any:
    if name == "closed":
        return text == "yes"
    if name in _TEXTS:
        return text
    return _READERS[name](text) if text else None


def differs(record: Isp | Customer, changes: Mapping[str, StoredChange]) -> str:
    """The first of these fields that is not what its change made it; or nothing."""
    return next((name for name, one in changes.items() if as_text(name, getattr(record, name)) != one.change.after), "")
