"""How a policy's fields are written and read: as text in the table, in requests, and for people. Pure.

A module of its own: rules knows what a policy means, this one how it is spelled.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum

from billing.policies.rules import (
    WEEKDAYS,
    Language,
    LinePolicy,
    Off,
    OffWay,
    Overpayments,
    PartPayments,
    Value,
)

MAX_GRACE_DAYS = 60
# A reminder further from the due date than its month is about another one.
MAX_REMINDER_DAYS = 28
MAX_REMINDERS = 6
_MAX_TEXT = 255
_NONE = "none"
_LEAP_YEAR = 2024
# What RouterOS lets a profile or a list be called, and a table or a shell not misread.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")


def read(name: str, text: str) -> Value:
    """The value of a field from its text. Raises ValueError, with a sentence that begins with the field's name."""
    if name not in READERS:
        raise ValueError(no_such_field(name))
    if len(text) > _MAX_TEXT:
        raise ValueError(f"{name}: longer than {_MAX_TEXT} characters")
    try:
        return READERS[name](text.strip())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def no_such_field(name: str) -> str:
    """What is said of a name that no field has."""
    return f"{name}: not a field of a policy; there are {', '.join(READERS)}"


def write(value: Value) -> str:
    """A value as text that `read` understands."""
    if isinstance(value, Off):
        return f"{value.way}:{value.name}" if value.name else value.way.value
    if isinstance(value, frozenset):
        return ",".join(sorted(value, key=_place)) or _NONE
    return (",".join(map(str, value)) or _NONE) if isinstance(value, tuple) else str(value)


def written(policy: LinePolicy) -> Mapping[str, str]:
    """All fields of a policy as text."""
    return {name: write(getattr(policy, name)) for name in READERS}


def _place(day: str) -> tuple[int, str]:
    """Weekdays in their order, then dates in theirs."""
    return (WEEKDAYS.index(day), "") if day in WEEKDAYS else (len(WEEKDAYS), day)


def _number(least: int, most: int) -> Callable[[str], int]:
    def read_number(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,4}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return read_number


def _word(words: type[StrEnum]) -> Callable[[str], str]:
    def read_word(text: str) -> str:
        if text.lower() not in list(words):
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return words(text.lower())

    return read_word


def _items(text: str) -> list[str]:
    return [] if text in {"", _NONE} else [item.strip().lower() for item in text.split(",")]


def _days_without_cuts(text: str) -> frozenset[str]:
    days = frozenset(_items(text))
    if odd := sorted(day for day in days if day not in WEEKDAYS and not _is_day(day)):
        raise ValueError(f"{odd[0]!r} is neither a weekday ({', '.join(WEEKDAYS)}) nor a day such as 12-25")
    if days.issuperset(WEEKDAYS):
        raise ValueError("all seven weekdays: nobody would ever be cut; for longer use grace_days")
    return days


def _is_day(text: str) -> bool:
    try:
        return f"{date.fromisoformat(f'{_LEAP_YEAR}-{text}'):%m-%d}" == text
    except ValueError:
        return False


def _off(text: str) -> Off:
    word, _, name = text.partition(":")
    way = OffWay(_word(OffWay)(word))
    if way is OffWay.DISABLE and name:
        raise ValueError("disable takes no name")
    if way is not OffWay.DISABLE and not _NAME.fullmatch(name):
        raise ValueError(f"{way} needs the name of one, such as {way}:unpaid (letters, digits, dots, dashes)")
    return Off(way, name)


def _name_of(what: str) -> Callable[[str], str]:
    def read_name(text: str) -> str:
        if text and not _NAME.fullmatch(text):
            raise ValueError(f"{text!r} is not the name of {what} (letters, digits, dots, dashes)")
        return text

    return read_name


def _reminder_days(text: str) -> tuple[int, ...]:
    number = _number(-MAX_REMINDER_DAYS, MAX_REMINDER_DAYS)
    days = tuple(sorted({number(item) for item in _items(text)}))
    if len(days) > MAX_REMINDERS:
        raise ValueError(f"more than {MAX_REMINDERS} reminders of one due date")
    return days


_hour = _number(0, 23)
READERS: dict[str, Callable[[str], Value]] = {
    "grace_days": _number(0, MAX_GRACE_DAYS),
    "cut_hour": _hour,
    "days_without_cuts": _days_without_cuts,
    "off": _off,
    "profile": _name_of("a profile"),
    "former_list": _name_of("an address list"),
    "part_payments": _word(PartPayments),
    "overpayments": _word(Overpayments),
    "reminder_days": _reminder_days,
    "reminder_hour": _hour,
    "quiet_from": _hour,
    "quiet_until": _hour,
    "language": _word(Language),
}
