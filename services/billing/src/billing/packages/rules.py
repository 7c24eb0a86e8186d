"""What a package is, who has it, and what the days are worth of one who changes to another. Pure.

What a package costs and how long it lasts is noted with each customer who is given it, so that a payment needs to know
nothing of packages. Its profile is read from the package.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from servicekit.money import MAX_AMOUNT_CENTS, in_shillings

from billing.calendar import MONTH, Period, Unit
from billing.payees.rules import Customer, LineReason
from billing.policies import fields

# What no table, no shell and no spreadsheet misreads.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,28}[A-Za-z0-9.+]|[A-Za-z0-9]", re.ASCII)
# As text, such as "30 days".
_PERIOD = re.compile(r"([1-9][0-9]{0,2})\s+(day|week|month)s?", re.ASCII | re.IGNORECASE)
# What a month counts as where days of one package become days of another.
_DAYS = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30}
# All that giving a package sets on a customer.
GIVEN = ("package_name", "package_cents", "period", "line_package", "package_day")
# And all that a change sets.
CHANGED = (*GIVEN, "next_payment_date", "due_day")


@dataclass(frozen=True, slots=True)
class Package:
    """What an ISP sells. `profile`: of the lines that have it; empty: the policy's. `closed`: sold to nobody new."""

    isp_id: int
    name: str
    price_cents: int
    period: Period = MONTH
    profile: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """How a customer changes package. `unused_days`: of the earlier one; `given_days`: what they are of the new one.

    `day`: from which on the line has the new one; None: at once.
    """

    customer: Customer
    unused_days: int = 0
    given_days: int = 0
    day: date | None = None


@lru_cache(maxsize=1024)
def read_period(text: str) -> Period:
    """A period from text such as "30 days", "2 weeks" or "1 month". Raises ValueError."""
    match = _PERIOD.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no period: a number up to 999 and days, weeks or months, such as 30 days")
    return Period(int(match[1]), Unit(match[2].lower()))


def faults(package: Package) -> Iterator[str]:
    """What is wrong with a package: sentences that begin with the field."""
    if not _NAME.fullmatch(package.name):
        yield "name: 1 to 30 letters, digits, spaces, dots, dashes or plus signs"
    if not 1 <= package.price_cents <= MAX_AMOUNT_CENTS:
        yield "price_cents: not an amount"
    try:
        fields.read("profile", package.profile)
    except ValueError as error:
        yield str(error)


def told(package: Package | None) -> dict[str, str]:
    """A package's fields as text for people; empty for none."""
    if package is None:
        return dict.fromkeys(("price", "period", "profile", "closed"), "")
    closed = "yes" if package.closed else ""
    price = in_shillings(package.price_cents)
    return {"price": price, "period": str(package.period), "profile": package.profile, "closed": closed}


def given(customer: Customer, package: Package | None) -> Customer:
    """The customer with a package; with none the price stays, and is a month's."""
    if package is None:
        return replace(customer, package_name="", period=MONTH, line_package="", package_day=None)
    return replace(
        customer,
        package_name=package.name,
        package_cents=package.price_cents,
        period=package.period,
        line_package=package.name,
        package_day=None,
    )


def at_once(customer: Customer, package: Package, today: date) -> ChangeMade:
    """The customer with another package from now on: the days that are paid for become days of it."""
    new, due_date, start = given(customer, package), customer.next_payment_date, _counted_from(customer, today)
    if due_date is None or due_date <= start:
        return ChangeMade(new)
    unused = (due_date - start).days
    days = min(worth(unused, customer, package), (date.max - start).days)
    if days != unused:
        new = replace(new, next_payment_date=start + timedelta(days=days), due_day=None)
    return ChangeMade(new, unused, days)


def _counted_from(customer: Customer, today: date) -> date:
    """Whose line is paused has the days left that it had then."""
    paused = customer.hold is LineReason.PAUSED and customer.hold_since
    return min(customer.hold_since or today, today) if paused else today


def worth(days: int, customer: Customer, package: Package) -> int:
    """How many days of a package so many of the customer's are worth, at what each costs now; a begun day is a whole
    one. Where nobody says what theirs cost, they are as many.
    """
    if not customer.package_cents or customer.package_cents <= 0:
        return days
    value = days * customer.package_cents * days_of(package.period)
    return -(-value // (package.price_cents * days_of(customer.period)))


def days_of(period: Period) -> int:
    """How many days a period counts as; a month as 30."""
    return period.count * _DAYS[period.unit]


def at_renewal(customer: Customer, package: Package, today: date) -> ChangeMade:
    """The customer who pays for another package from now on; the line has it once what is paid for is over."""
    new, due_date = given(customer, package), customer.next_payment_date
    if due_date is None or due_date < today or due_date == date.max:
        return ChangeMade(new)
    day = due_date + timedelta(days=1)
    return ChangeMade(replace(new, line_package=customer.line_package, package_day=day), day=day)


def arrived(customer: Customer) -> Customer:
    """The customer whose line has the package from now on that is paid for."""
    return replace(customer, line_package=customer.package_name, package_day=None)
