"""An address of a database that leads to one server or another: what a failover by name or by a proxy looks like."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Switchboard:
    """Listens on `port` of loopback; new connections go to `target`, old ones stay where they are."""

    def __init__(self) -> None:
        self.target: int | None = None  # none: every connection is closed at once
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                if self.target is None:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def switchboard() -> Iterator[Switchboard]:
    """A switchboard for the length of a test."""
    board = Switchboard()
    try:
        yield board
    finally:
        board.close()
