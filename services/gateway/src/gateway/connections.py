"""A connection from outside: uvicorn's, with an end to whatever its peer can draw out.

- An offer to go on in another protocol is declined by going on in this one; uvicorn would lose the request's body.
- Heads, chunk extensions and trailers are bounded in bytes and number; heads, idling and fetching an answer in time.
- Who is answered before all of his request was read is read no further.

Owns how a connection begins and ends. Knows no routes; bodies are bounded by whoever reads them.
"""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.connection_limits import ConnectionLimiter
from gateway.refusals import rejected

# Parsed at a time, so that a head that arrives at once is bounded as well.
_SLICE = 4096


class _TooMuch(httptools.HttpParserError):
    """A request has more headers or bytes beside its body, or a connection more requests, than any honest one."""


class _Closing:
    """uvicorn's view of the transport: closing it goes through the connection."""

    def __init__(self, transport: asyncio.Transport, connection: "Connection") -> None:
        self._transport = transport
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    def is_closing(self) -> bool:
        return self._connection.ended or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        # Of several requests on a connection that is gone, uvicorn tells only the last one so.
        if not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One connection of `limiter`. `ended`: it is closed, or closes as soon as its peer has fetched the answer."""

    limiter: ClassVar[ConnectionLimiter]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ended = False
        self._deaf = False  # what still arrives is not looked at
        self._in_head = True
        self._framing = 0  # bytes of the current request that are none of its body
        self._body_bytes = 0
        self._requests = 0
        self._unanswered = 0
        self._keeps_alive = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._socket = transport
        super().connection_made(_Closing(transport, self))  # type: ignore[arg-type]
        if not self.limiter.admit(self):
            self.ended = True
            transport.write(_answer(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections"))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        super().connection_lost(exc)
        self.limiter.leave(self)

    def shutdown(self) -> None:
        self._keeps_alive = False
        if self._unanswered and not self.ended:
            super().shutdown()
        else:
            self._socket.close()

    def close(self) -> None:
        """End; where something was not read, only when the peer has had time to fetch the answer.

        A socket that is closed with something unread takes back what it has sent.
        """
        unread = self._deaf or not self._in_head or self._framing > 0
        if self.ended or self._socket.is_closing() or not unread:
            self._socket.close()
        else:
            self._socket.pause_reading()
            self._socket.write_eof()
        if not self.ended:
            self.ended = True
            self.limiter.waits(self)

    def end_wait(self, *, timed_out: bool) -> None:
        """Close: its time is up, or its place is needed."""
        if self.ended or self.flow.write_paused:
            self._socket.abort()
        elif timed_out and self._framing:
            self.limiter.count("too_slow")
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "headers: did not arrive in time")
        else:
            self._socket.close()

    # What arrives

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self.ended or self._deaf:
                return
            self._unset_keepalive_if_required()
            try:
                self._take(memoryview(data)[start : start + _SLICE])
            except httptools.HttpParserError as error:
                self._refuse_unreadable(too_much=_TooMuch in (type(error), type(error.__context__)))

    def _take(self, piece: memoryview) -> None:
        requests, body_bytes = self._requests, self._body_bytes
        self._parse(piece)
        if self._requests != requests:
            self._framing = 0  # what of it is the next request's cannot be told: that one counts from its next bytes
            return
        self._framing += len(piece) - (self._body_bytes - body_bytes)
        if self._framing > self.limiter.limits.framing_bytes:
            raise _TooMuch

    def _parse(self, piece: memoryview) -> None:
        while True:
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as offer:
                piece = piece[offer.args[0] :]
            else:
                return
            self._decline_offer()

    def _decline_offer(self) -> None:
        """Read the head again without the offer: the parser leaves what is behind it to the other protocol."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise httptools.HttpParserError("this is no proxy")
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(lines)))

    # What the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._unanswered:
            self.limiter.waits(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # not a trailer, which tells nothing that we would want to know
            super().on_header(name, value)
            if len(self.headers) > self.limiter.limits.headers:
                raise _TooMuch

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # _parse comes back with the same head without the offer
        if self._unanswered >= self.limiter.limits.requests_at_once:
            raise _TooMuch
        self._in_head = False
        super().on_headers_complete()
        self._unanswered += 1
        self.limiter.works(self)
        # Until its request was read whole, a connection is not to be used again: see on_message_complete.
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_head = True
        self._requests += 1
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive

    # What is answered

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        if self._deaf and not self._unanswered:
            self.close()
        elif not self.ended and not self._unanswered:
            self.limiter.waits(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.limiter.waits(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.ended and self._unanswered:
            self.limiter.works(self)

    def _refuse_unreadable(self, *, too_much: bool) -> None:
        self._deaf = True
        self.limiter.count("too_much" if too_much else "unreadable")
        if too_much:
            most = self.limiter.limits.framing_bytes
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"headers: too many, or longer than {most} bytes")
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "Invalid HTTP request")

    def _refuse(self, status: HTTPStatus, error: str) -> None:
        """Answer in the application's place and end; where earlier requests are being answered, end after those."""
        if not self._in_head:
            self._forget_request()
        if self._unanswered:
            self.flow.pause_reading()
            return
        if self.cycle is None or self.cycle.response_started == self.cycle.response_complete:
            self._socket.write(_answer(status, error))
        self.close()

    def _forget_request(self) -> None:
        """The application is not to answer the request whose body was just being read."""
        self._unanswered -= 1
        if self._unanswered:
            self.pipeline.popleft()
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()


def _answer(status: HTTPStatus, error: str) -> bytes:
    response = JSONResponse(rejected(error, datetime.now(UTC)), status, {"Connection": "close"})
    head = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), head, bytes(response.body))


def connections_of(limiter: ConnectionLimiter) -> type[Connection]:
    """What uvicorn makes of each connection of one server."""
    return type("Connection", (Connection,), {"limiter": limiter})
