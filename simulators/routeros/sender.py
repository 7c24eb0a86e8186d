"""The router's end of a connection: it sends sentences whole and in order, or, when a fault asks for it, badly."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import NoReturn

from simulators.routeros.faults import Fault, Mode
from simulators.routeros.framing import encode_sentence
from simulators.routeros.sentences import Sentence, fatal

_SENTENCES_AT_ONCE = 200
_ATTRIBUTE = b"=comment=and so on"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SenderClosed(Exception):
    """The connection is no more, by the peer's doing or by a fault's."""


class Sender:
    """Sends on one connection. Answers to tagged commands may take turns, but sentences never mix."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()

    async def send(self, sentences: Sequence[Sentence]) -> None:
        """Send, in portions so that a long answer does not keep others from theirs. Raises SenderClosed."""
        for start in range(0, len(sentences), _SENTENCES_AT_ONCE):
            async with self._turn:
                await self._write(b"".join(map(encode_sentence, sentences[start : start + _SENTENCES_AT_ONCE])))

    async def send_badly(self, sentences: Sequence[Sentence], fault: Fault) -> None:
        """Send as the fault has it. Raises SenderClosed where the fault breaks the connection."""
        match fault.mode:
            case Mode.LATE_REPLY:
                await asyncio.sleep(fault.seconds)
                await self.send(sentences)
            case Mode.DRIP:
                await self._drip(b"".join(map(encode_sentence, sentences)), fault.seconds)
            case Mode.ENDLESS_WORDS:
                await self._repeat(encode_sentence([_ATTRIBUTE])[:-1], fault.seconds)
            case Mode.ENDLESS_ROWS:
                await self._repeat(encode_sentence([b"!re", _ATTRIBUTE]), fault.seconds)
            case Mode.RESET:
                await self._half_then_reset(b"".join(map(encode_sentence, sentences)))
            case Mode.FATAL:
                await self.send([*sentences[: len(sentences) // 2], fatal("session terminated by the router")])
                self.close()
                raise SenderClosed
            case Mode.CLOSE_AFTER_WRITE:
                self.close()
                raise SenderClosed
            case _:
                await self.send(sentences)

    def close(self) -> None:
        """Close once what was sent is on its way."""
        self._writer.close()

    def reset(self) -> None:
        """Cut the connection; the peer sees a reset, not an end."""
        if not self._writer.is_closing():  # closed twice, TLS has no socket to tell of any more
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise SenderClosed
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError as error:
            raise SenderClosed from error

    async def _drip(self, data: bytes, seconds: float) -> None:
        async with self._turn:
            for at in range(len(data)):
                await self._write(data[at : at + 1])
                await asyncio.sleep(seconds)

    async def _repeat(self, data: bytes, seconds: float) -> NoReturn:
        """Send the same until the peer has enough."""
        async with self._turn:
            while True:
                await self._write(data if seconds else data * _SENTENCES_AT_ONCE)
                await asyncio.sleep(seconds)

    async def _half_then_reset(self, data: bytes) -> None:
        async with self._turn:
            await self._write(data[: len(data) // 2])
        self.reset()
        raise SenderClosed
