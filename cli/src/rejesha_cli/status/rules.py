"""How bad it is what a status found: the one judgement behind its exit code. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum

from rejesha_cli.records import Record

# For so long a task may be due before it must be said that nobody carries tasks out. Whatever fails is due anew later.
OVERDUE = timedelta(minutes=5)
# A message that was not sent is told of for so long; nobody can mend it, and what is told for ever is not read.
MESSAGES_TOLD = timedelta(days=1)
# For so long a router may not be compared: it is away, or lets nobody in, which only shows when somebody pays.
UNCHECKED = timedelta(days=1)


class Severity(IntEnum):
    """The value is the command's exit code; 2 is what every command ends with that was given wrongly."""

    WELL = 0
    ALARM = 1
    ATTENTION = 3


_WAITS_FOR_A_PERSON = ("given_up_tasks", "unmatched_payments", "open_callbacks", "waiting_routers", "unchecked_routers")
_NOT_SENT = ("failed", "unknown", "expired")
_DUE = ("oldest_access_due_time", "oldest_message_due_time")


def judge(
    services: Sequence[Record], spool: Record | None, counts: Record | None, messages: Record | None, now: datetime
) -> Severity:
    """ALARM: a service is down, or money or tasks wait for a machine. ATTENTION: something waits for a person."""
    down = not all(service["ok"] for service in services)
    on_disk = spool is not None and any(spool.get(key) for key in ("waiting", "rejected"))
    if down or on_disk or counts is None or any(_is_overdue(counts[key], now) for key in _DUE):
        return Severity.ALARM
    unsent = messages is not None and any(messages[f"{state}_messages"] for state in _NOT_SENT)
    return Severity.ATTENTION if unsent or any(counts[key] for key in _WAITS_FOR_A_PERSON) else Severity.WELL


def unchecked(since: Sequence[str | None], now: datetime) -> Record:
    """How many routers were not compared for too long, by since when each was not; and since when the first."""
    late = [one for one in since if one and now - datetime.fromisoformat(one) > UNCHECKED]
    return {"unchecked_routers": len(late), "oldest_unchecked_time": min(late, default=None)}


def _is_overdue(since: str | None, now: datetime) -> bool:
    return since is not None and now - datetime.fromisoformat(since) > OVERDUE


def age(since: str, now: datetime) -> str:
    """How long ago a moment is, in its largest unit: "4 min"."""
    seconds = max(0, (now - datetime.fromisoformat(since)).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
