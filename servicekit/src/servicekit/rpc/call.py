"""The RPC that this thread answers, and whether its caller still waits: work that nobody waits for must end.

What runs outside an RPC, or in another thread, has no caller and no deadline.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import grpc

from servicekit.rpc.errors import Cancelled, DeadlineExceeded

# The caller's deadline on the clock of time.monotonic, and whether the caller is still there.
_Caller = tuple[float, Callable[[], bool]]

_caller: ContextVar[_Caller] = ContextVar("caller", default=(math.inf, lambda: True))


@contextmanager
def answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Let the work in the block know its caller."""
    left = context.time_remaining()
    ends = math.inf if left is None else time.monotonic() + left
    token = _caller.set((ends, context.is_active))
    try:
        yield
    finally:
        _caller.reset(token)


def remaining() -> float:
    """Seconds left until the caller's deadline, infinite without one; 0 or less when nobody waits any more."""
    ends, is_active = _caller.get()
    return ends - time.monotonic() if is_active() else 0


def check() -> None:
    """Raise DeadlineExceeded or Cancelled if nobody waits any more."""
    ends, is_active = _caller.get()
    if ends <= time.monotonic():
        raise DeadlineExceeded("nobody waits for it any more")
    if not is_active():
        raise Cancelled("the caller does not wait for it any more")
