"""Remembers that a router does not answer, so that not every call has to find out by waiting.

A breaker belongs to one router; what it remembers holds only for the target that failed.
"""

import random
import threading
import time
from collections.abc import Callable

from router_control.failures import CertificateChanged, LoginRefused, RouterFailure, Unreachable
from router_control.target import Target

# A router that returns must be served soon, so the wait stays short however long it was away: the shorter, the less
# an attempt costs. To be refused takes no time; from silence a worker learns nothing for as long as its deadline.
_FIRST_SECONDS = 1.0
_MAX_SECONDS = 15.0
_WAIT_FOR_EACH_SECOND = 3.0
# Routers log each refused login, and some lock out who tries too often.
_LOGIN_SECONDS = 30.0


class Breaker:
    """Safe for several threads. `clock`: seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.close()

    def close(self) -> None:
        """Let the next call through."""
        with self._lock:
            self._failure: RouterFailure | None = None
            self._target: Target | None = None
            self._failures = 0
            self._until = 0.0

    def open(self, target: Target, failure: RouterFailure, took: float) -> None:
        """Refuse calls to `target` for a while, longer with each failure in a row; `took`: seconds of the attempt."""
        with self._lock:
            self._failures = self._failures + 1 if target == self._target else 1
            self._failure, self._target = failure, target
            self._until = self._clock() + self._wait(took)

    def refusal(self, target: Target) -> RouterFailure | None:
        """Why a call to `target` need not be tried now; None lets it through."""
        with self._lock:
            if self._failure is None or target != self._target or self._clock() >= self._until:
                return None
            lasting = isinstance(self._failure, LoginRefused | CertificateChanged)  # until someone mends it
            kind = type(self._failure) if lasting else Unreachable
            return kind(f"not tried again yet; the last attempt: {self._failure}")

    def _wait(self, took: float) -> float:
        if isinstance(self._failure, LoginRefused):
            return _LOGIN_SECONDS
        longest = min(max(_FIRST_SECONDS, _WAIT_FOR_EACH_SECOND * took), _MAX_SECONDS)
        wait = min(_FIRST_SECONDS * 2 ** min(self._failures - 1, 10), longest)
        return random.uniform(wait / 2, wait)  # noqa: S311
