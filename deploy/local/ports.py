"""Who listens on a port of this machine, as Linux' /proc tells it."""

import errno
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"


def obstacles(addresses: Mapping[str, tuple[str, int]]) -> list[str]:
    """Which of these hosts and ports, by the name of their setting, cannot be listened on, and who has them."""
    whys = {setting: _why_not(host, port) for setting, (host, port) in addresses.items()}
    return [f"port {addresses[setting][1]} ({setting}) {why}" for setting, why in whys.items() if why]


def _why_not(host: str, port: int) -> str:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the services do, after a restart
            tried.bind(address)
            tried.listen()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return f"cannot be listened on at {host}: {error.strerror}"
        holder = _holder(port)
        return f"is taken by process {holder}: {_command(holder)}" if holder else "is taken"
    return ""


def listens(pid: int, port: int) -> bool:
    """Whether the process itself has a socket that listens on the port."""
    return bool(_sockets(Path("/proc", str(pid))) & _listening(port))


def _holder(port: int) -> int:
    """The process that listens on a port; 0 when it cannot be seen, as another user's cannot."""
    wanted = _listening(port)
    processes = (path for path in Path("/proc").iterdir() if path.name.isdigit())
    return next((int(path.name) for path in processes if _sockets(path) & wanted), 0)


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that listen on a port."""
    return {inode for found, inode in _listeners() if found == port}


def _listeners() -> Iterator[tuple[int, str]]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
                if state == _LISTENING:
                    yield int(local.rpartition(":")[2], 16), inode


def _sockets(process: Path) -> set[str]:
    """The inodes of a process's sockets; empty when it is another user's, or gone."""
    found = set()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                found.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def _command(pid: int) -> str:
    with suppress(OSError):
        return " ".join(Path("/proc", str(pid), "cmdline").read_text().split("\0")[:3]).strip()
    return "?"
