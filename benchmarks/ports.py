"""Free ports on loopback."""

import socket

from chaos.ports import reserved

_kept: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Ports in a row, which nobody else is given while this process lives: simulated routers of one process need
    neighbours.
    """
    for first in range(21_000, 31_000, count):
        sockets = [reserved(port) for port in range(first, first + count)]
        _kept.extend(one for one in sockets if one)
        if all(sockets):
            return list(range(first, first + count))
    raise OSError("no free ports between 21000 and 31000")
