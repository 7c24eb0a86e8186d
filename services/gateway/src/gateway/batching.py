"""Batches: gathers single items into calls, and keeps one bad item from hurting its neighbours in a call.

At the top because callbacks, spool and dispatcher all hand over batches.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import structlog
from servicekit.rpc.errors import Cancelled, DeadlineExceeded, NotFound, ResourceExhausted, ServiceError, Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
Carry = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]

log = structlog.get_logger()

# The service is down, overloaded or too slow: it must be asked later, and asking for less would not help.
AWAY = (Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable)

# Measured: at 200 a batch one writer of MySQL reaches nearly all that it can, and two hide each other's commits.
MAX_BATCH = 200
BATCHES_IN_FLIGHT = 2
# A second batch beside the first must be worth it, for most of a small batch's cost is the batch: so many items must
# wait, or one of them so many seconds.
_WORTH_A_LANE = 50
_PATIENCE = 0.02


class Batcher(Generic[Item, Result]):
    """Carries items in chained batches: the next one starts when one ends.

    `carry`: as in carry_all. `deadline`: how long a submitter waits at most, queue included, in seconds. `capacity`:
    how many may wait.
    """

    def __init__(self, carry: Carry[Item, Result], *, deadline: float, capacity: int = 10_000) -> None:
        self._carry = carry
        self._deadline = deadline
        self._capacity = capacity
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._lanes: set[asyncio.Task[Any]] = set()

    async def submit(self, item: Item) -> Result:
        """The item's result. Raises ServiceError: one of AWAY when the queue is full or the service is away, any other
        when the fault is the item's own; TimeoutError at the deadline. Away or late, the item may have been carried.
        """
        if len(self._waiting) >= self._capacity:
            raise ResourceExhausted("too many wait already", reason="QUEUE_FULL", service="gateway")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, answer))
        if not self._lanes or len(self._waiting) >= _WORTH_A_LANE:
            self._open_lane()
        elif len(self._waiting) == 1:
            loop.call_later(_PATIENCE, self._open_lane)
        async with asyncio.timeout(self._deadline):
            return await answer

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    def give_back(self, cause: ServiceError) -> None:
        """End the waiting of all who are not under way yet: `cause` tells them why."""
        while self._waiting:
            _settle(self._waiting.popleft()[1], cause)

    def _open_lane(self) -> None:
        if self._waiting and len(self._lanes) < BATCHES_IN_FLIGHT:
            self._lanes.add(asyncio.create_task(self._run_lane()))

    async def _run_lane(self) -> None:
        while batch := self._next_batch():
            results = await self._results([item for item, _ in batch])
            for (_, answer), result in zip(batch, results, strict=True):
                _settle(answer, result)
            # Those who were just answered come first: if their service is away they give back who waits here.
            await asyncio.sleep(0)
        self._lanes.remove(asyncio.current_task())  # type: ignore[arg-type]  # there is one

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < MAX_BATCH:
            item, answer = self._waiting.popleft()
            if not answer.done():  # its submitter has given up meanwhile
                batch.append((item, answer))
        return batch

    async def _results(self, items: Sequence[Item]) -> Sequence[Result | ServiceError]:
        try:
            return await carry_all(items, self._carry)
        except ServiceError as error:
            log.warning("batch_failed", service=error.service, reason=error.reason, size=len(items))
            return [error] * len(items)
        except Exception:
            log.exception("batch_broken", size=len(items))
            return [Unavailable(reason="INTERNAL", service="gateway")] * len(items)


def _settle(answer: asyncio.Future[Result], result: Result | ServiceError) -> None:
    if answer.done():
        return
    if isinstance(result, ServiceError):
        # Each submitter gets an error of its own: a shared one would collect everybody's traceback.
        answer.set_exception(type(result)(str(result), reason=result.reason, service=result.service))
    else:
        answer.set_result(result)


async def carry_all(items: Sequence[Item], carry: Carry[Item, Result]) -> list[Result | ServiceError]:
    """The result of each item, in order; of one that is to blame for a refusal, the error.

    `carry` answers one result an item. When it refuses or breaks, the halves are tried apart, down to the item that is
    to blame. A service that is merely away raises through: asking it more often would not help.
    """
    if not items:
        return []  # no service takes an empty batch
    try:
        results = list(await carry(items))
    except ServiceError as error:
        if isinstance(error, (*AWAY, NotFound)):
            raise
        if len(items) == 1:
            return [error]
        middle = len(items) // 2
        return [*await carry_all(items[:middle], carry), *await carry_all(items[middle:], carry)]
    if len(results) != len(items):
        raise AssertionError(f"{len(items)} items, {len(results)} results")
    return [*results]
