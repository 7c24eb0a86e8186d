"""Ports for processes that are killed and started again on the same one."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections: one of those could take ours meanwhile.
_RANGE = range(15_000, 30_000)
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that nobody else on this machine is given while this process lives."""
    _reserved.append(reservation())
    return int(_reserved[-1].getsockname()[1])


def reservation() -> socket.socket:
    """Nobody else on this machine is given the port of this socket until it is closed.

    It stays bound without listening: a server, which reuses addresses, can listen on it; nobody finds it free while
    that server is down.
    """
    while True:
        if found := reserved(random.choice(_RANGE)):  # noqa: S311  # guards nothing
            return found


def reserved(port: int) -> socket.socket | None:
    """The same of this port; None where it is not free."""
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        one.close()
        return None
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return one
