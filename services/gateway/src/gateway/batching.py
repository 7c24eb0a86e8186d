"""Batches: gathers single items into calls, and keeps one bad item from hurting its neighbours in a call.

At the top because callbacks, spool and dispatcher all hand over batches.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from servicekit.rpc.errors import (
    Cancelled,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

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


@dataclass(slots=True)
class _Place(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]


class Batcher(Generic[Item, Result]):
    """Carries items in chained batches: the next one starts when one ends.

    `carry` takes items and answers one result an item. `deadline` in seconds is how long a submitter waits at most,
    queue included; `capacity` is how many may wait.
    """

    def __init__(
        self,
        carry: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        deadline: float,
        capacity: int = 10_000,
    ) -> None:
        self._carry = carry
        self._deadline = deadline
        self._capacity = capacity
        self._waiting: deque[_Place[Item, Result]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._in_flight = 0

    async def submit(self, item: Item) -> Result:
        """The item's result. Raises ServiceError: one of AWAY when the queue is full or the service is away, any other
        when the fault is the item's own; TimeoutError at the deadline. Away or late, the item may have been carried.
        """
        if len(self._waiting) >= self._capacity:
            raise ResourceExhausted("too many wait already", reason="QUEUE_FULL", service="gateway")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Place(item, answer))
        self._go_on()
        # asyncio.timeout costs five times as much; it can interrupt anything, and here is only a future to end.
        deadline = loop.call_later(self._deadline, _end_waiting, answer)
        try:
            return await answer
        finally:
            deadline.cancel()

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    def give_back(self, cause: ServiceError) -> None:
        """End the waiting of all who are not under way yet: `cause` tells them why."""
        while self._waiting:
            _settle(self._waiting.popleft().answer, cause)

    def _go_on(self) -> None:
        if not self._in_flight or len(self._waiting) >= _WORTH_A_LANE:
            self._open_lane()
        elif len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(_PATIENCE, self._open_lane)

    def _open_lane(self) -> None:
        if self._waiting and self._in_flight < BATCHES_IN_FLIGHT:
            self._in_flight += 1
            lane = asyncio.create_task(self._run_lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _run_lane(self) -> None:
        try:
            while batch := self._next_batch():
                await self._carry_batch(batch)
                # Those who were just answered come first: if their service is away they give back who waits here.
                await asyncio.sleep(0)
        finally:
            self._in_flight -= 1

    def _next_batch(self) -> list[_Place[Item, Result]]:
        batch: list[_Place[Item, Result]] = []
        while self._waiting and len(batch) < MAX_BATCH:
            place = self._waiting.popleft()
            if not place.answer.done():  # its submitter has given up meanwhile
                batch.append(place)
        return batch

    async def _carry_batch(self, batch: list[_Place[Item, Result]]) -> None:
        try:
            results = await carry_all([place.item for place in batch], self._carry_or_say_why, _blame)
        except ServiceError as error:
            log.warning("batch_failed", service=error.service, reason=error.reason, size=len(batch))
            results = [error] * len(batch)
        except Exception:
            log.exception("batch_broken", size=len(batch))
            results = [Unavailable(reason="INTERNAL", service="gateway")] * len(batch)
        for place, result in zip(batch, results, strict=True):
            _settle(place.answer, result)

    async def _carry_or_say_why(self, items: Sequence[Item]) -> Sequence[Result | ServiceError]:
        return await self._carry(items)


def _blame(_item: object, error: ServiceError) -> ServiceError:
    return error


def _end_waiting(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _settle(answer: asyncio.Future[Result], result: Result | ServiceError) -> None:
    if answer.done():
        return
    if isinstance(result, ServiceError):
        # Each submitter gets an error of its own: a shared one would collect everybody's traceback.
        answer.set_exception(type(result)(str(result), reason=result.reason, service=result.service))
    else:
        answer.set_result(result)


async def carry_all(
    items: Sequence[Item],
    carry: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
    give_up: Callable[[Item, ServiceError], Result],
) -> list[Result]:
    """The result of each item, in order.

    `carry` takes a batch and answers one result an item. When it refuses or breaks, the halves are tried apart,
    down to the single item that is to blame; that one gets what `give_up` says. A service that is merely
    away raises through: asking it more often would not help.
    """
    if not items:
        return []  # no service takes an empty batch
    try:
        results = list(await carry(items))
    except ServiceError as error:
        if isinstance(error, (*AWAY, NotFound)):
            raise
        if len(items) == 1:
            return [give_up(items[0], error)]
        middle = len(items) // 2
        return [
            *await carry_all(items[:middle], carry, give_up),
            *await carry_all(items[middle:], carry, give_up),
        ]
    if len(results) != len(items):
        raise AssertionError(f"{len(items)} items, {len(results)} results")
    return results
