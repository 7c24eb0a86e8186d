import asyncio

import pytest
from gateway import batching
from gateway.batching import BATCHES_IN_FLIGHT, MAX_BATCH, Batcher
from gateway_rig import until
from servicekit.rpc.errors import Internal, InvalidArgument, ResourceExhausted, Unavailable

pytestmark = pytest.mark.anyio


class Gate:
    """Carries items only while it is open, and remembers the batches."""

    def __init__(self):
        self.batches = []
        self.open = asyncio.Event()

    async def __call__(self, items):
        self.batches.append(list(items))
        await self.open.wait()
        return [item * 10 for item in items]


async def test_an_idle_batcher_sends_at_once_and_a_busy_one_gathers(monkeypatch):
    monkeypatch.setattr(batching, "_PATIENCE", 60)  # a machine that stalls would let a smaller batch go
    gate, total = Gate(), MAX_BATCH + 60
    batcher = Batcher(gate, deadline=5)
    waiting = []
    for number in range(total):
        waiting.append(asyncio.create_task(batcher.submit(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    # The first goes alone, the second batch when it is worth it, and the rest waits for one of the two.
    assert [len(batch) for batch in gate.batches] == [1, 50]
    gate.open.set()
    assert await asyncio.gather(*waiting) == [number * 10 for number in range(total)]
    assert [len(batch) for batch in gate.batches[BATCHES_IN_FLIGHT:]] == [MAX_BATCH, 9]


async def test_nobody_waits_long_for_a_batch_that_hangs():
    gate = Gate()
    batcher = Batcher(gate, deadline=5)
    stuck = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(batcher.submit(number)) for number in (2, 3)]
    await until(lambda: gate.batches == [[1], [2, 3]])
    gate.open.set()
    assert await asyncio.gather(stuck, *waiting) == [10, 20, 30]


async def test_a_full_queue_refuses_at_once():
    gate = Gate()
    batcher = Batcher(gate, deadline=5, capacity=3)
    waiting = [asyncio.create_task(batcher.submit(number)) for number in range(5)]
    await until(waiting[4].done)
    assert [task.done() for task in waiting] == [False, False, False, True, True]
    with pytest.raises(ResourceExhausted, match="too many wait"):
        waiting[4].result()
    gate.open.set()
    assert await asyncio.gather(*waiting[:3]) == [0, 10, 20]


async def test_who_has_stopped_waiting_is_not_carried_any_more():
    gate = Gate()
    batcher = Batcher(gate, deadline=0.5)
    under_way = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
    await until(lambda: gate.batches == [[0, 1, 2]])
    under_way.append(asyncio.create_task(batcher.submit(3)))
    await until(lambda: len(gate.batches) == 2)
    too_late = [asyncio.create_task(batcher.submit(number)) for number in range(4, 8)]
    ends = await asyncio.gather(*under_way, *too_late, return_exceptions=True)
    assert all(isinstance(end, TimeoutError) for end in ends)
    gate.open.set()
    await batcher.drain()
    assert gate.batches == [[0, 1, 2], [3]]


@pytest.mark.parametrize("error", [InvalidArgument(service="billing"), Internal(service="billing")])
async def test_a_bad_item_is_found_and_its_neighbours_are_carried(error):
    async def carry(items):
        if 13 in items:
            raise error
        return [item * 10 for item in items]

    batcher = Batcher(carry, deadline=5)
    ends = await asyncio.gather(*(batcher.submit(number) for number in range(32)), return_exceptions=True)
    assert isinstance(ends.pop(13), type(error))
    assert ends == [number * 10 for number in range(32) if number != 13]


async def test_a_service_that_is_away_is_not_asked_again_for_each_item():
    calls = []

    async def carry(items):
        calls.append(len(items))
        raise Unavailable(service="billing")

    batcher = Batcher(carry, deadline=5)
    ends = await asyncio.gather(*(batcher.submit(number) for number in range(32)), return_exceptions=True)
    assert {type(end) for end in ends} == {Unavailable}
    assert calls == [32]


async def test_an_answer_of_the_wrong_length_is_nobodys_answer():
    async def carry(items):
        return [1] * (len(items) - 1)

    batcher = Batcher(carry, deadline=5)
    ends = await asyncio.gather(*(batcher.submit(number) for number in range(3)), return_exceptions=True)
    assert {type(end) for end in ends} == {Unavailable}


async def test_whoever_waits_behind_a_batch_that_fails_is_given_back_before_the_next_one_begins(monkeypatch):
    monkeypatch.setattr(batching, "_PATIENCE", 60)
    calls = []
    go_on = asyncio.Event()

    async def carry(items):
        calls.append(items)
        await go_on.wait()
        raise Unavailable(reason="DATABASE_UNAVAILABLE", service="billing")

    async def submit(item):
        try:
            await batcher.submit(item)
        except Unavailable as error:  # as the breaker does
            batcher.give_back(error)

    batcher = Batcher(carry, deadline=5)
    submitted = [asyncio.create_task(submit(0))]
    await until(lambda: calls)
    submitted += [asyncio.create_task(submit(item)) for item in range(1, 10)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*submitted)
    assert calls == [[0]]
