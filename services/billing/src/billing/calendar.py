"""Days as the customers count them, in Nairobi; and how long a package lasts. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

NAIROBI = ZoneInfo("Africa/Nairobi")


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

    def after(self, start: date, day: int) -> tuple[date, int | None]:
        """The date so much later; months end on `day`, or as MySQL has it on the last of one that is too short for it:
        then `day` stands behind it, which the months after it get back. The calendar ends.
        """
        if self.unit is not Unit.MONTH:
            days = self.count * (7 if self.unit is Unit.WEEK else 1)
            return start + timedelta(days=min(days, (date.max - start).days)), None
        months = min(self.count, (date.max.year - start.year) * 12)
        due = start + relativedelta(months=months, day=day)
        return due, day if due.day < day else None


MONTH = Period(1, Unit.MONTH)
