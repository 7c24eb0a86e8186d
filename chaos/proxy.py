"""Stands between billing and MySQL and understands just enough of the protocol to strike at the very packet.

It sees the INSERT of a payment, the COMMIT of that transaction, and MySQL's OK to that COMMIT. It can cut there, and
it can fall silent altogether.
"""

import asyncio
import contextlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_COM_QUERY = b"\x03"
_OK = 0x00
_CLIENT_SSL = 0x0800
_STORES_PAYMENTS = re.compile(rb"INSERT INTO `?paybill_payments\b")


class Moment(StrEnum):
    """Where in the transaction of a batch of payments we are; nothing of it was passed on yet."""

    INSERT = "before insert"
    COMMIT = "before commit"
    COMMITTED = "after commit"


# Asked at each moment: whether to cut the connection there, instead of passing the packet on.
Trap = Callable[[Moment], bool]


def let_pass(_moment: Moment) -> bool:
    """The trap that is none."""
    return False


@dataclass(slots=True, eq=False)
class _Link:
    """One connection of billing's: whether its transaction stores payments, and whether that is being committed."""

    storing: bool = False
    committing: bool = False
    demoted: bool = False  # it is to be made read-only before the next command
    swallowing: bool = False  # MySQL's next packet answers us, not billing


class _Cut(Exception):
    """The trap cuts this connection here."""


class MysqlProxy:
    """Listens on `port` of loopback and passes everything on to `target`. Lives on the background loop."""

    def __init__(self, port: int, target: int) -> None:
        self.trap: Trap = let_pass
        self.port = port
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[_Link] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections and cut those there are."""
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def fall_silent(self) -> None:
        """Accept everything, pass on nothing: a black hole."""
        self._flowing.clear()

    async def speak_again(self) -> None:
        """Pass on what came meanwhile, and all that comes."""
        self._flowing.set()

    async def demote(self) -> None:
        """Let MySQL refuse, on all connections that there are, what writes: they lead to the old server, so to say."""
        for link in self._links:
            link.demoted = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._flowing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(back)
        link = _Link()
        self._links.add(link)
        pumps = [
            asyncio.create_task(self._pump(reader, back, lambda packet: self._asked(link, packet))),
            asyncio.create_task(self._pump(there, writer, lambda packet: self._answered(link, packet), greeting=True)),
        ]
        _done, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in left:
            pump.cancel()
        self._links.discard(link)
        self._drop(writer)
        self._drop(back)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        look: Callable[[bytes], bytes],
        *,
        greeting: bool = False,
    ) -> None:
        with contextlib.suppress(_Cut, OSError, EOFError):
            while True:
                head = await reader.readexactly(4)
                packet = head + await reader.readexactly(int.from_bytes(head[:3], "little"))
                await self._flowing.wait()
                if greeting:
                    packet, greeting = _without_tls(packet), False
                writer.write(look(packet))
                await writer.drain()

    def _asked(self, link: _Link, packet: bytes) -> bytes:
        """What is passed on to MySQL."""
        if packet[3] != 0 or packet[4:5] != _COM_QUERY:
            return packet
        if _STORES_PAYMENTS.match(packet, 5):
            link.storing = True
            self._at(Moment.INSERT)
        elif packet.startswith(b"COMMIT", 5):
            link.committing = link.storing
            if link.storing:
                self._at(Moment.COMMIT)
        elif packet.startswith(b"ROLLBACK", 5):
            link.storing = False
        if not link.demoted:
            return packet
        link.demoted, link.swallowing = False, True
        return _query(b"SET SESSION TRANSACTION READ ONLY") + packet

    def _answered(self, link: _Link, packet: bytes) -> bytes:
        """What is passed on to billing."""
        if link.swallowing:
            link.swallowing = False
            return b""
        if not link.committing:
            return packet
        link.storing = link.committing = False
        if packet[4] == _OK:
            self._at(Moment.COMMITTED)
        return packet

    def _at(self, moment: Moment) -> None:
        if self.trap(moment):
            raise _Cut


def _query(text: bytes) -> bytes:
    body = _COM_QUERY + text
    return len(body).to_bytes(3, "little") + b"\0" + body


def _without_tls(greeting: bytes) -> bytes:
    """The server's greeting, no longer offering TLS: we could not read what follows."""
    # Protocol version, server version up to a NUL, thread id, 8 bytes of salt, a filler; then the capabilities.
    at = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
    (capabilities,) = struct.unpack_from("<H", greeting, at)
    return greeting[:at] + struct.pack("<H", capabilities & ~_CLIENT_SSL) + greeting[at + 2 :]
