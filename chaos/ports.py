"""Ports for processes that are killed and started again on the same one."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections: one of those could take ours meanwhile.
_RANGE = range(15_000, 30_000)
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that nobody else on this machine is given while this process lives.

    It stays bound without listening: a server, which reuses addresses, can listen on it; nobody finds it free while
    that server is down.
    """
    while True:
        port = random.choice(_RANGE)  # noqa: S311  # guards nothing
        if reserved := _bound(port):
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _reserved.append(reserved)
            return port


def _bound(port: int) -> socket.socket | None:
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        one.close()
        return None
    return one
