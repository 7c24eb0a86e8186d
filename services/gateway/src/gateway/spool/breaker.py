"""What goes to the spool without asking billing: all while it is away."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class CircuitBreaker:
    """Remembers that billing is away, so that not every callback has to wait to find it out. `on_trip` is called each
    time that it opens; `cause` says why it did, "" while it is closed; `successes` counts what billing has stored.
    """

    def __init__(self, on_trip: Callable[[str], None]) -> None:
        self.successes = 0
        self.cause = ""
        self._on_trip = on_trip
        self._opened = 0.0

    @property
    def is_open(self) -> bool:
        """Whether callbacks should go to the spool without asking billing."""
        return bool(self.cause)

    @property
    def open_for(self) -> float:
        """How long it has been open, in seconds; 0 when it is not."""
        return time.monotonic() - self._opened if self.cause else 0.0

    def trip(self, cause: str) -> None:
        """Billing did not answer, or said that it cannot store."""
        was_open, self.cause = self.is_open, cause
        if not was_open:
            self._opened = time.monotonic()
            log.warning("billing_away", cause=cause)
            self._on_trip(cause)

    def timed_out(self, cause: str, successes: int) -> None:
        """Billing did not answer in time; it is not away when it stored something since `successes` were counted."""
        if self.successes == successes:
            self.trip(cause)

    def succeeded(self) -> None:
        """Billing stored something."""
        self.successes += 1
        self.retry()

    def retry(self) -> None:
        """Let billing be asked again."""
        if self.cause:
            log.info("billing_asked_again", seconds=round(self.open_for, 1))
            self.cause = ""
