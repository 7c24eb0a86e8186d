"""Keeps what happens again and again from filling a log. Decides when; the caller logs."""

import threading
import time
from collections.abc import Callable

_SECONDS = 60
_MAX_CAUSES = 100


class Seldom:
    """Lets a repeated event be logged at its first time, and then once a minute with how often it came."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._logged_at: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def times(self, cause: str) -> int:
        """How often it came since it was last logged, this time included; 0: not to be logged now."""
        with self._lock:
            now = self._now()
            self._untold[cause] = self._untold.get(cause, 0) + 1
            if now - self._logged_at.get(cause, -_SECONDS) < _SECONDS:
                return 0
            if len(self._logged_at) >= _MAX_CAUSES:
                self._logged_at.clear()
            self._logged_at[cause] = now
            return self._untold.pop(cause)
