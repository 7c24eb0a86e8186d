"""A moment after which nobody waits any more. Bounds a whole operation, however many reads it takes."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """`at`: seconds of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(self.at - time.monotonic(), 0.0)

    def within(self, seconds: float) -> "Deadline":
        """The same deadline, or an earlier one `seconds` from now."""
        return Deadline(min(self.at, time.monotonic() + seconds))
