"""Days as the customers count them: in Nairobi. Pure."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NAIROBI = ZoneInfo("Africa/Nairobi")


def today(now: datetime) -> date:
    """The day in Nairobi."""
    return now.astimezone(NAIROBI).date()


@lru_cache(maxsize=1024)
def end_of(due_date: date) -> datetime:
    """When the paid time ends: midnight in Nairobi after the due date."""
    day_after = due_date + timedelta(days=1) if due_date < date.max else due_date  # the calendar ends there
    return datetime.combine(day_after, time(), NAIROBI)
