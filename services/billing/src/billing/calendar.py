"""Days as the customers count them, in Nairobi; and how long a package lasts. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

NAIROBI = ZoneInfo("Africa/Nairobi")
# As text, such as "30 days".
_PERIOD = re.compile(r"([1-9][0-9]{0,2})\s+(day|week|month)s?", re.ASCII | re.IGNORECASE)


def today(now: datetime) -> date:
    """The day in Nairobi."""
    return now.astimezone(NAIROBI).date()


@lru_cache(maxsize=1024)
def end_of(due_date: date) -> datetime:
    """When the paid time ends: midnight in Nairobi after the due date."""
    day_after = due_date + timedelta(days=1) if due_date < date.max else due_date  # the calendar ends there
    return datetime.combine(day_after, time(), NAIROBI)


class Unit(StrEnum):
    """What a period is counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """How long a package lasts: so many days, weeks or calendar months."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    def times(self, many: int) -> "Period":
        """So many of them."""
        return Period(self.count * many, self.unit)

    def after(self, start: date, day: int) -> tuple[date, int | None]:
        """The date so much later; months end on `day`, or as MySQL has it on the last of a month that is too short.

        Behind it `day` where it was clamped, which the months after it get back. The calendar ends.
        """
        if self.unit is not Unit.MONTH:
            days = self.count * (7 if self.unit is Unit.WEEK else 1)
            return start + timedelta(days=min(days, (date.max - start).days)), None
        months = min(self.count, (date.max.year - start.year) * 12)
        due = start + relativedelta(months=months, day=day)
        return due, day if due.day < day else None


MONTH = Period(1, Unit.MONTH)


@lru_cache(maxsize=1024)
def read_period(text: str) -> Period:
    """A period from text such as "30 days", "2 weeks" or "1 month". Raises ValueError."""
    match = _PERIOD.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no period: a number up to 999 and days, weeks or months, such as 30 days")
    return Period(int(match[1]), Unit(match[2].lower()))
