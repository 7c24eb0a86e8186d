"""A connection from outside: uvicorn's, with an end to whatever its peer can draw out.

- An offer to go on in another protocol is declined by going on in this one; uvicorn would lose the request's body.
- All of a request but its body is bounded in bytes and headers, and in time like idling and fetching an answer.
- Who is answered before all of his request was read is read no further.

Owns how a connection begins and ends. Knows no routes; bodies are bounded by whoever reads them.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.refusals import refused_at_once

log = structlog.get_logger()

# Parsed at a time, so that a head that arrives at once is bounded as well.
_SLICE = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may take. `wait`: seconds; `framing_bytes`: of one request, all but its body."""

    connections: int = 4_000
    wait: float = 10.0
    framing_bytes: int = 64 * 1024
    headers: int = 100
    requests_at_once: int = 20  # on one connection, before the first is answered


class Limiter:
    """How many connections of one server there may be, and how long each may keep us waiting.

    A connection waits while the next move is its peer's: to send a request's head, or to fetch an answer. Whoever waits
    may be closed to make a place, the oldest first, and is closed when its time is up; whoever is being answered never.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}  # since when; the oldest first
        self._counts: Counter[str] = Counter()
        self._watch: asyncio.TimerHandle | None = None

    def admit(self, connection: "Connection") -> bool:
        """Whether there is a place for a new connection, which then waits."""
        if len(self._open) >= self.limits.connections:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self.count("closed_over_limit")
            self.leave(oldest)
            oldest.end_wait(timed_out=False)
        self._open.add(connection)
        self.waits(connection)
        return True

    def waits(self, connection: "Connection") -> None:
        """From now on the next move is its peer's."""
        self.works(connection)
        loop = asyncio.get_running_loop()
        self._waiting[connection] = loop.time()
        if self._watch is None:
            self._watch = loop.call_later(self.limits.wait / 10, self._end_waits)

    def works(self, connection: "Connection") -> None:
        """The next move is ours."""
        self._waiting.pop(connection, None)

    def leave(self, connection: "Connection") -> None:
        """It is closed, or as good as closed."""
        self._open.discard(connection)
        self.works(connection)

    def count(self, what: str) -> None:
        """Tell the log, once a while: strangers can provoke as many of these events as they like."""
        if not self._counts:
            asyncio.get_running_loop().call_later(self.limits.wait, self._tell)
        self._counts[what] += 1

    def _tell(self) -> None:
        log.warning("connections_cut", open=len(self._open), **self._counts)
        self._counts.clear()

    def _end_waits(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time() - self.limits.wait
        for connection in [one for one, since in self._waiting.items() if since <= begun]:
            self.works(connection)
            connection.end_wait(timed_out=True)
        self._watch = loop.call_later(self.limits.wait / 10, self._end_waits) if self._waiting else None


class _TooMuch(httptools.HttpParserError):
    """A request has more headers or bytes beside its body, or a connection more requests, than any honest one."""


class _Closing:
    """uvicorn's view of the transport: closing it goes through the connection."""

    def __init__(self, transport: asyncio.Transport, connection: "Connection") -> None:
        self._transport = transport
        self.close = connection.close
        self.is_closing = lambda: connection.ended or transport.is_closing()

    def write(self, data: bytes) -> None:
        # Of several requests on a connection that is gone, uvicorn tells only the last one so.
        if not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One connection of `limiter`. `ended`: it is closed, or closes as soon as its peer has fetched the answer."""

    limiter: ClassVar[Limiter]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ended = False
        self._deaf = False  # what still arrives is not looked at
        self._in_head = True
        self._framing = 0  # bytes of the current request that are none of its body
        self._unanswered = 0
        self._keeps_alive = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._socket = transport
        super().connection_made(_Closing(transport, self))  # type: ignore[arg-type]
        if not self.limiter.admit(self):
            self.ended = True
            self._refuse("refused_over_limit", HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections")

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
            self._refuse("too_slow", HTTPStatus.REQUEST_TIMEOUT, "headers: did not arrive in time")
        else:
            self._socket.close()

    # What arrives

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        for start in range(0, len(data), _SLICE):
            try:
                if not (self.ended or self._deaf):
                    self._parse(memoryview(data)[start : start + _SLICE])
            except httptools.HttpParserError as error:
                self._deaf = True
                if _TooMuch in (type(error), type(error.__context__)):
                    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                    self._refuse("too_much", status, "headers: too many, or too many bytes")
                else:
                    self._refuse("unreadable", HTTPStatus.BAD_REQUEST, "Invalid HTTP request")

    def _parse(self, piece: memoryview) -> None:
        self._framing += len(piece)
        while True:
            try:
                self.parser.feed_data(piece)
                break
            except httptools.HttpParserUpgrade as offer:
                piece = piece[offer.args[0] :]
                self._decline_offer()
        if self._framing > self.limiter.limits.framing_bytes:
            raise _TooMuch

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
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_head = True
        self._framing = 0  # what else has arrived is the next request's, which counts from its next bytes
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

    def _refuse(self, why: str, status: HTTPStatus, error: str) -> None:
        """Answer in the application's place and end; where earlier requests are being answered, end after those."""
        self.limiter.count(why)
        if not self._in_head:
            self._forget_request()
        if self._unanswered:
            self.flow.pause_reading()
            return
        if self.cycle is None or self.cycle.response_started == self.cycle.response_complete:
            self._socket.write(refused_at_once(status, error))
        self.close()

    def _forget_request(self) -> None:
        """The application is not to answer the request whose body was just being read."""
        self._unanswered -= 1
        if self._unanswered:
            self.pipeline.popleft()
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


def connections_of(limits: Limits) -> type[Connection]:
    """What uvicorn makes of each connection of one server."""
    return type("Connection", (Connection,), {"limiter": Limiter(limits)})
