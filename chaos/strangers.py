"""Strangers at the gateway's door: `python -m chaos.strangers PORT KIND`, until SIGTERM; then one JSON line of counts.

A process of its own, so that it takes no time from the sender. It does not know the secret. Loopback only, and bounded
in connections and bytes.
"""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

_HOST = "127.0.0.1"
_MAX_BYTES = 4 * 1024**3
_FEW, _MANY = 8, 1_100
# In seconds: how long a stranger who is not listened to goes on, and when he comes back.
_INSIST, _BACK_AFTER = 0.5, 0.05
_PIECE = b"x" * 65_536
_HEADERS = b"X-Stranger: once more\r\n" * 1_000
_HEAD = b"POST /callbackprocess/not-the-secret-at-all-0 HTTP/1.1\r\nHost: gateway\r\n"

_Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Counter[str]], Awaitable[None]]


async def _stream(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counter[str]) -> None:
    """A body that goes on after it was refused."""
    await _pour(writer, _HEAD + b"Content-Length: 1000000000000\r\n\r\n", _PIECE, counts)


async def _head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counter[str]) -> None:
    """Headers without end."""
    await _pour(writer, _HEAD, _HEADERS, counts)


async def _idle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _counts: Counter[str]) -> None:
    """Nothing at all."""
    await reader.read()


async def _pour(writer: asyncio.StreamWriter, beginning: bytes, piece: bytes, counts: Counter[str]) -> None:
    writer.write(beginning)
    while counts["bytes"] < _MAX_BYTES:
        writer.write(piece)
        async with asyncio.timeout(_INSIST):
            await writer.drain()
        counts["bytes"] += len(piece)


# What they do, and how many of them.
KINDS: dict[str, tuple[_Act, int]] = {"streams": (_stream, _FEW), "heads": (_head, _FEW), "idle": (_idle, _MANY)}


@contextmanager
def at(port: int, kind: str) -> Iterator[dict[str, int]]:
    """Strangers of one kind for as long as the block runs; their counts are there behind it."""
    counts: dict[str, int] = {}
    process = subprocess.Popen([sys.executable, "-m", __name__, str(port), kind], stdout=subprocess.PIPE)
    try:
        yield counts
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
        counts.update(json.loads(said))


async def _besiege(port: int, kind: str) -> None:
    act, number = KINDS[kind]
    counts: Counter[str] = Counter()
    strangers = [asyncio.create_task(_come_again(port, act, counts)) for _ in range(number)]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    for stranger in strangers:
        stranger.cancel()
    sys.stdout.write(json.dumps(counts))


async def _come_again(port: int, act: _Act, counts: Counter[str]) -> None:
    while True:
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection(_HOST, port)
            counts["connections"] += 1
            try:
                await act(reader, writer, counts)
            finally:
                writer.transport.abort()
        await asyncio.sleep(_BACK_AFTER)


if __name__ == "__main__":
    # Real strangers compute elsewhere: what counts is what they cost the gateway.
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 0 else min(hard, 65_536), hard))
    asyncio.run(_besiege(int(sys.argv[1]), sys.argv[2]))
