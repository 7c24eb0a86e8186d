"""When a task that failed is due again. Pure, but for the dice of the back-off."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.tasks.rules import AccessOutcome, Task
from servicekit import backoff

FIRST_PAUSE = timedelta(seconds=1)
MAX_PAUSE = timedelta(seconds=60)
MAX_PROBE_PAUSE = timedelta(seconds=3)
# The router may be back any moment. One that refuses our login is there, and may lock out who tries too often.
AWAY = frozenset({AccessOutcome.UNREACHABLE, AccessOutcome.TIMED_OUT})
# The router is there and refuses: waiting goes on, but somebody has to mend it.
FAULTS = frozenset(
    {
        AccessOutcome.LOGIN_REFUSED,
        AccessOutcome.NOT_PERMITTED,
        AccessOutcome.ROUTER_ERROR,
        AccessOutcome.CERTIFICATE_CHANGED,
        AccessOutcome.NO_SUCH_PROFILE,
        AccessOutcome.NO_FIXED_ADDRESS,
    }
)
# What an operator does about those that not only the router's own configuration may be to blame for.
_ADVICE = {
    AccessOutcome.NO_SUCH_PROFILE: "Make it there, or name another: rejesha package update or policy set",
    AccessOutcome.NO_FIXED_ADDRESS: "Give the secret a remote-address, or rejesha policy set off=disable",
}


def advice(outcome: AccessOutcome) -> str:
    """How a fault is mended; what waits needs nothing else."""
    return f"{_ADVICE.get(outcome, 'Mend it')}: what waits goes on by itself"


@dataclass(slots=True)
class Failed:
    """A task that failed, why, and when it is due again."""

    task: Task
    error: str
    due_time: datetime


def pause(failures: int, max_pause: timedelta = MAX_PAUSE) -> timedelta:
    """The back-off after so many failures in a row: doubling, capped, half of it random."""
    first, bound = FIRST_PAUSE.total_seconds(), max_pause.total_seconds()
    return timedelta(seconds=backoff.pause(failures, first=first, longest=bound))


def pause_of(*tasks: Task) -> timedelta:
    """How long tasks wait that failed together, and may have failed before."""
    return pause(max(task.failures for task in tasks) + 1)
