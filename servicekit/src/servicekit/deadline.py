"""How long the caller of the RPC that is being answered still waits: work that nobody waits for any more must end.

Owns the one place where gRPC's deadline enters. What runs outside an RPC has no deadline.
"""

import math
import time
from contextvars import ContextVar
from typing import Any

import grpc

from servicekit.unary import Behave, UnaryInterceptor

# On the clock of time.monotonic.
_ends: ContextVar[float] = ContextVar("ends", default=math.inf)


def remaining() -> float:
    """Seconds left, infinite without a deadline; 0 or less when nobody waits any more."""
    return _ends.get() - time.monotonic()


class DeadlineInterceptor(UnaryInterceptor):
    """Lets the work on a unary RPC know the caller's deadline."""

    def around(self, behave: Behave, method: str, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        left = context.time_remaining()
        if left is not None and left <= 0:  # it waited in vain for a thread
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "nobody waits for it any more")
        token = _ends.set(math.inf if left is None else time.monotonic() + left)
        try:
            return behave(request, context)
        finally:
            _ends.reset(token)
