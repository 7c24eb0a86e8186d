"""Free ports on loopback."""

import socket


def free_ports(count: int) -> list[int]:
    """Ports that were free just now, in a row: simulated routers of one process need neighbours."""
    for first in range(21_000, 31_000, count):
        if _all_free(range(first, first + count)):
            return list(range(first, first + count))
    raise OSError("no free ports between 21000 and 31000")


def _all_free(ports: range) -> bool:
    sockets = []
    try:
        for port in ports:
            sockets.append(socket.create_server(("127.0.0.1", port)))  # noqa: PERF401  # those opened must be closed
    except OSError:
        return False
    else:
        return True
    finally:
        for one in sockets:
            one.close()
