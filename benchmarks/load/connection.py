"""One keep-alive HTTP/1.1 connection with one request under way at a time. Reads just enough of an answer to end it."""

import asyncio
from typing import Protocol, cast

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Owner(Protocol):
    """Who is told what happens on a connection."""

    def idle(self, connection: "Connection") -> None: ...
    def answered(self, connection: "Connection", status: int) -> None: ...
    def lost(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """`due`: when the request under way was due, as the owner counts time; None when there is none."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's
        self._owner.idle(self)

    def send(self, request: bytes, due: float) -> None:
        assert self._transport
        self.due = due
        self._transport.write(request)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, separator, body = self._buffer.partition(_END_OF_HEAD)
        if not separator or len(body) < _content_length(head):
            return
        self._buffer = b""
        self._owner.answered(self, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._transport = None
        self._owner.lost(self)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0:
        raise ValueError("an answer without Content-Length")
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
