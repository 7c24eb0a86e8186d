"""Lets one at a time do something about a key, in order of arrival; other keys are not held up."""

import asyncio
from collections import deque
from types import TracebackType

_Queue = deque[asyncio.Future[None]]


class Turns:
    """One queue a key, which is forgotten when nobody stands in it."""

    def __init__(self) -> None:
        # Whose turn it is has left the queue; those behind stand in it.
        self._queues: dict[str, _Queue] = {}

    def of(self, key: str) -> "_Turn":
        """Wait for the turn with `async with`; it ends with the block."""
        return _Turn(self._queues, key)


class _Turn:
    __slots__ = ("_key", "_queues")

    def __init__(self, queues: dict[str, _Queue], key: str) -> None:
        self._queues = queues
        self._key = key

    async def __aenter__(self) -> None:
        queue = self._queues.get(self._key)
        if queue is None:
            self._queues[self._key] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come, but who was waiting is gone
                self._pass_on()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        queue = self._queues[self._key]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[self._key]
