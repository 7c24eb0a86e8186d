"""Ports for processes that are killed and started again on the same one."""

import os
import random
import socket

# Below the range from which the kernel takes ports for outgoing connections: one of those could take ours meanwhile.
_FIRST, _LAST = 15_000, 30_000
# The workers of a test run take ports from ranges of their own: each would find one free that another is about to use.
_WORKERS = 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_RANGE = range(_FIRST + _worker, _LAST, _WORKERS)
_given: set[int] = set()


def free_port() -> int:
    """A port of loopback that nobody listens on, and that is given out only once."""
    while True:
        port = random.choice(_RANGE)  # noqa: S311  # guards nothing
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
