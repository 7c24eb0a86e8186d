"""What the last failure of a router means for the next call: refused, doubtful, or welcome.

A module of its own because it owns neither thread nor connection, and knows time only by the clock that it is given.
"""

import time
from collections.abc import Callable

from router_control.routeros.connection import Target
from router_control.routeros.errors import CertificateChanged, LoginRefused, RouterFailure, Unreachable

# How long a router is left alone after a failure. Short, for one that returns must be served soon.
_PAUSE_SECONDS = 1.0
# Routers log each refused login, and some lock out who tries too often.
_LOGIN_PAUSE_SECONDS = 30.0
# For so long a failure makes it doubtful whether the router is back: it is probed before a call is spent on it.
_DOUBT_SECONDS = 15.0


class Throttle:
    """What the last failure of a router means for the next call: refused, doubtful, or welcome.

    What it remembers holds only for the target that failed. Safe for several threads. `clock`: seconds that never go
    back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[Target, RouterFailure, float] | None = None

    def clear(self) -> None:
        """Let the next call through."""
        self._last = None

    def failed(self, target: Target, failure: RouterFailure) -> None:
        """Refuse calls to `target` for a moment, and doubt it for longer."""
        self._last = target, failure, self._clock()

    def doubt(self, target: Target) -> RouterFailure | None:
        """How it failed a short while ago, if it did."""
        return self._failure(target, _DOUBT_SECONDS)

    def refusal(self, target: Target) -> RouterFailure | None:
        """Why a call to `target` need not be tried now; None lets it through."""
        failure = self._failure(target, _PAUSE_SECONDS)
        if failure is None:
            return None
        lasting = isinstance(failure, LoginRefused | CertificateChanged)  # until someone mends it
        kind = type(failure) if lasting else Unreachable
        return kind(f"not tried again yet; the last attempt: {failure}")

    def _failure(self, target: Target, seconds: float) -> RouterFailure | None:
        """The last failure if it is younger than that; a refused login counts for longer."""
        if self._last is None:
            return None
        failed, failure, at = self._last
        if isinstance(failure, LoginRefused):
            seconds = max(seconds, _LOGIN_PAUSE_SECONDS)
        return failure if target == failed and self._clock() < at + seconds else None
