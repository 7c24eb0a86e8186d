"""What an ISP has decided on its customers' lines, and when an unpaid line is to be off. Pure.

A policy is made of fields, each of which an ISP may set, and override for one customer. What nobody has set is as
LinePolicy has it: the rule of the time before there were policies. How fields are written is fields' business.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from billing.calendar import NAIROBI

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The calendar ends soon after: whoever is paid until then is cut at the beginning of its last year.
_LAST = date(date.max.year - 1, 12, 31)


class OffWay(StrEnum):
    """How a router keeps a line off."""

    DISABLE = "disable"  # its secret is disabled
    PROFILE = "profile"  # it has another profile
    ADDRESS_LIST = "address_list"  # its address is on a list, for a walled garden


class PartPayments(StrEnum):
    """Where a payment below the package goes."""

    WALLET = "wallet"  # to the ISP, and nothing else comes of it
    CREDIT = "credit"  # kept for the customer, and spent when it makes a package


class Overpayments(StrEnum):
    """Where what is paid above the package goes."""

    WALLET = "wallet"
    MONTHS = "months"  # whole packages are further months
    CREDIT = "credit"


class Language(StrEnum):
    """Of a customer's messages."""

    ENGLISH = "en"
    KISWAHILI = "sw"


@dataclass(frozen=True, slots=True)
class Off:
    """What "off" means on the router. `name`: of the profile or the address list; empty for DISABLE."""

    way: OffWay = OffWay.DISABLE
    name: str = ""


@dataclass(frozen=True, slots=True)
class LinePolicy:
    """What holds for a customer. Hours are Nairobi's, 0 to 23.

    `profile`: which one a line has that is paid for; empty: the one it has. `former_list`: the address list that was
    "off" before, which a line leaves when it is on. `cut_hour`: on the day after the due date and the grace.
    `days_without_cuts`: weekdays such as "sun", and days of any year such as "12-25". `reminder_days`: relative to the
    due date, -3 is three days before; none: no reminders. Nobody is reminded between `quiet_from` and `quiet_until`; at
    no hour is it quiet where they are the same.
    """

    grace_days: int = 0
    cut_hour: int = 0
    days_without_cuts: frozenset[str] = frozenset()
    off: Off = Off()
    profile: str = ""
    former_list: str = ""
    part_payments: PartPayments = PartPayments.WALLET
    overpayments: Overpayments = Overpayments.WALLET
    reminder_days: tuple[int, ...] = ()
    reminder_hour: int = 9
    quiet_from: int = 21
    quiet_until: int = 7
    language: Language = Language.ENGLISH


class Source(StrEnum):
    """Who has set a field."""

    DEFAULT = "default"
    ISP = "isp"
    CUSTOMER = "customer"


Value = int | str | Off | frozenset[str] | tuple[int, ...]
Fields = Mapping[str, Value]  # by the names of LinePolicy


def effective(of_isp: Fields, of_customer: Fields) -> LinePolicy:
    """The policy of a customer: its own fields, else its ISP's, else the default."""
    return LinePolicy(**{**of_isp, **of_customer})  # type: ignore[arg-type]


def sources(of_isp: Fields, of_customer: Fields) -> dict[str, Source]:
    """Who has set each field."""
    default = dict.fromkeys(LinePolicy.__dataclass_fields__, Source.DEFAULT)
    return default | dict.fromkeys(of_isp, Source.ISP) | dict.fromkeys(of_customer, Source.CUSTOMER)


def cut_time(due_date: date, policy: LinePolicy) -> datetime:
    """From when an unpaid line is to be off, in UTC: never on a day without cuts, and never while it is paid for."""
    day = min(due_date, _LAST) + timedelta(days=1 + policy.grace_days)
    while is_without_cuts(day, policy):
        day += timedelta(days=1)
    return datetime.combine(day, time(policy.cut_hour), NAIROBI).astimezone(UTC)


def is_without_cuts(day: date, policy: LinePolicy) -> bool:
    """Whether nobody is cut on a day."""
    return WEEKDAYS[day.weekday()] in policy.days_without_cuts or f"{day:%m-%d}" in policy.days_without_cuts


def is_quiet(hour: int, policy: LinePolicy) -> bool:
    """Whether nobody is reminded in this hour of the day."""
    if policy.quiet_from <= policy.quiet_until:
        return policy.quiet_from <= hour < policy.quiet_until
    return hour >= policy.quiet_from or hour < policy.quiet_until


def contradictions(policy: LinePolicy) -> Iterator[str]:
    """What of a policy as a whole cannot be."""
    if policy.off.way is OffWay.PROFILE and not policy.profile:
        yield "profile: where off is a profile, say which one a paid line has"
    if policy.reminder_days and is_quiet(policy.reminder_hour, policy):
        yield f"reminder_hour: {policy.reminder_hour} is within the quiet hours"
