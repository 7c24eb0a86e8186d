"""The RPC that this thread answers, and whether its caller still waits: work that nobody waits for must end.

What runs outside an RPC, or in another thread, has no caller and no deadline.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import grpc

from servicekit.rpc.errors import Cancelled, DeadlineExceeded


class _Call:
    """`ends`: the caller's deadline on the clock of time.monotonic."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        left = context.time_remaining()
        self.ends = math.inf if left is None else time.monotonic() + left
        self.is_active = context.is_active


_call: ContextVar[_Call | None] = ContextVar("call", default=None)


@contextmanager
def answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Let the work in the block know its caller."""
    token = _call.set(_Call(context))
    try:
        yield
    finally:
        _call.reset(token)


def remaining() -> float:
    """Seconds left until the caller's deadline, infinite without one; 0 or less when nobody waits any more."""
    call = _call.get()
    if call is None:
        return math.inf
    return call.ends - time.monotonic() if call.is_active() else 0


def check() -> None:
    """Raise DeadlineExceeded or Cancelled if nobody waits any more."""
    call = _call.get()
    if call is None:
        return
    if call.ends <= time.monotonic():
        raise DeadlineExceeded("nobody waits for it any more")
    if not call.is_active():
        raise Cancelled("the caller does not wait for it any more")
