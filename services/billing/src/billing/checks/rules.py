"""When a router is due to be compared, and since when it has not been. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# For so long nobody else gets a router that somebody has claimed; one that cannot be read is tried again after it.
CLAIM = timedelta(minutes=30)
# Somebody must look at a router that was not compared for so long.
TOO_LONG = timedelta(days=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Check:
    """Of one router. `begin_time`: since when it is known; `claim_time`, `check_time`: when it was claimed, and when it
    was read to the end, last; `lines`, `drifts`: what that came to. `report_time`, `fault`: the newest report, and what
    stood in the way; empty: nothing.
    """

    router_id: int
    begin_time: datetime | None = None
    claim_time: datetime | None = None
    check_time: datetime | None = None
    lines: int = 0
    drifts: int = 0
    report_time: datetime | None = None
    fault: str = ""

    @property
    def unchecked_since(self) -> datetime | None:
        """Since when it has not been compared; None: nobody was ever asked to."""
        return self.check_time or self.begin_time


def due(checks: Iterable[Check], interval: timedelta, now: datetime) -> list[Check]:
    """Those that are to be compared, and that nobody is at, the one of longest ago first."""
    found = [
        one
        for one in checks
        if (one.check_time or _NEVER) <= max(now - interval, _NEVER) and (one.claim_time or _NEVER) <= now - CLAIM
    ]
    return sorted(found, key=lambda one: (one.check_time or _NEVER, one.claim_time or _NEVER, one.router_id))
