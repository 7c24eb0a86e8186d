"""Plays M-Pesa: posts callbacks at a fixed rate and keeps its own log of every attempt and every answer.

The log is what the invariants are checked against. A connection a callback: nobody can then say that a callback was
lost because an idle connection was closed. Nothing is sent again unless a scenario says so. Loopback only.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chaos.callbacks import Callback

_HOST = "127.0.0.1"


@dataclass(slots=True)
class Attempt:
    """One delivery and what came of it. Times are monotonic seconds; `status` None: no answer came. `port`: whose."""

    callback: Callback
    sent_at: float
    answered_at: float | None = None
    status: int | None = None
    outcome: str = ""
    repeated: bool = False
    fault: str = ""
    port: int = 0

    @property
    def is_acknowledged(self) -> bool:
        """Whether we were told that the payment is safe."""
        return self.status == 200

    @property
    def seconds(self) -> float:
        """How long the answer took."""
        return (self.answered_at or self.sent_at) - self.sent_at


class Doors:
    """The gateways' ports. With several, those that say they are ready are used in turn, as a load balancer would."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports
        self._open = list(ports)
        self._turn = 0

    def next(self) -> int:
        """The port for the next callback."""
        doors = self._open or list(self.ports)
        self._turn += 1
        return doors[self._turn % len(doors)]

    def are_all_open(self) -> bool:
        """Whether each of them said so when it was asked last."""
        return len(self._open) == len(self.ports)

    async def watch(self) -> None:
        """Keep asking who is ready."""
        async with httpx.AsyncClient(timeout=1, trust_env=False) as client:
            while True:
                asked = await asyncio.gather(*(_is_ready(client, port) for port in self.ports))
                self._open = [port for port, ready in zip(self.ports, asked, strict=True) if ready]
                await asyncio.sleep(0.1)


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://{_HOST}:{port}/readyz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


class Sender:
    """Sends callbacks and remembers. `log`: a file of JSON lines, one at each attempt and one at its end."""

    def __init__(self, doors: Doors, log: Path, *, secret: str = "", deadline: float = 20) -> None:
        self.doors = doors
        self.attempts: list[Attempt] = []
        self.on_answer: Callable[[Attempt], None] = lambda _attempt: None
        self._deadline = deadline
        self._path = f"/callbackprocess/{secret}" if secret else "/callbackprocess"
        self._log = log.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    async def send(self, callback: Callback) -> Attempt:
        """Deliver once; never raises for what happens to the delivery."""
        attempt = Attempt(callback, time.monotonic(), port=self.doors.next())
        self.attempts.append(attempt)
        number = len(self.attempts)
        given = {"trans_id": callback.trans_id, "content": callback.content, "port": attempt.port}
        self._note(number, "sent", attempt.sent_at, **given)
        try:
            async with asyncio.timeout(self._deadline):
                attempt.status, body = await post(attempt.port, self._path, callback.body())
            _read_result(attempt, body)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            attempt.fault = type(error).__name__
        attempt.answered_at = time.monotonic()
        self._note(
            number, "ended", attempt.answered_at,
            status=attempt.status, outcome=attempt.outcome, repeated=attempt.repeated, fault=attempt.fault,
        )  # fmt: skip
        self.on_answer(attempt)
        return attempt

    async def burst(self, callbacks: Iterable[Callback]) -> list[Attempt]:
        """Deliver all of them at once."""
        return await asyncio.gather(*map(self.send, callbacks))

    async def pour(
        self, callbacks: Iterable[Callback], *, rate: float, until: Callable[[], bool], most: int = 1_000_000
    ) -> None:
        """Deliver at a fixed rate until told to stop or `most` are sent, with at most 500 under way."""
        slots = asyncio.Semaphore(500)
        under_way: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number, callback in enumerate(callbacks):
            if until() or number >= most:
                break
            await slots.acquire()
            task = asyncio.create_task(self._send_then_free(callback, slots))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        if under_way:
            await asyncio.wait(under_way)

    async def _send_then_free(self, callback: Callback, slots: asyncio.Semaphore) -> None:
        try:
            await self.send(callback)
        finally:
            slots.release()

    def _note(self, number: int, event: str, at: float, **facts: Any) -> None:
        self._log.write(json.dumps({"attempt": number, "event": event, "at": round(at, 6), **facts}) + "\n")


def _read_result(attempt: Attempt, body: bytes) -> None:
    if not attempt.is_acknowledged:
        return
    result = json.loads(body).get("processingResult", {})
    attempt.outcome, attempt.repeated = result.get("outcome", ""), bool(result.get("repeated"))


async def post(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of one POST on a connection of its own. Raises EOFError when the answer is cut off."""
    reader, writer = await asyncio.open_connection(_HOST, port)
    try:
        head = f"POST {path} HTTP/1.1\r\nHost: {_HOST}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
    return _parse(answer)


def _parse(answer: bytes) -> tuple[int, bytes]:
    head, gap, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), None)
    if not gap or length is None or len(body) != length:
        raise EOFError("the answer was cut off")
    return int(lines[0].split()[1]), body
