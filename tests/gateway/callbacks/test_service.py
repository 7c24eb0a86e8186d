"""One callback of a TransID at a time, in order of arrival."""

import asyncio
import gc
from contextlib import suppress

import pytest
from gateway.callbacks.service import KeyedLocks

pytestmark = pytest.mark.anyio


class Desk:
    """Somebody holds the lock until `done` is set; `served` remembers who came and left."""

    def __init__(self):
        self.locks = KeyedLocks()
        self.served = []

    async def come(self, name, done, key="key"):
        async with self.locks.of(key):
            self.served.append(name)
            await done.wait()
            self.served.append(f"{name} left")

    def is_forgotten(self):
        gc.collect()  # a cancelled task holds its lock as long as the task itself is kept
        return not self.locks._locks


@pytest.fixture
def desk(anyio_backend):
    return Desk()


async def arrive(desk, *names, done):
    """One task a name, each of which holds the lock or waits for it when this returns."""
    tasks = {name: asyncio.create_task(desk.come(name, done)) for name in names}
    await asyncio.sleep(0)
    return tasks


async def cancel(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_lock_is_held_in_order_of_arrival_and_by_one_at_a_time(desk):
    done = asyncio.Event()
    tasks = await arrive(desk, *"abcd", done=done)
    assert desk.served == ["a"]
    done.set()
    await asyncio.gather(*tasks.values())
    assert desk.served == ["a", "a left", "b", "b left", "c", "c left", "d", "d left"]
    assert desk.is_forgotten()


async def test_another_key_is_not_held_up(desk):
    done = asyncio.Event()
    tasks = await arrive(desk, "a", done=done)
    other = asyncio.create_task(desk.come("other", done, key="another"))
    await asyncio.sleep(0)
    assert desk.served == ["a", "other"]
    done.set()
    await asyncio.gather(other, *tasks.values())


async def test_who_goes_away_does_not_hold_up_those_behind(desk):
    done = asyncio.Event()
    tasks = await arrive(desk, *"abcd", done=done)
    await cancel(tasks["b"])
    await cancel(tasks["a"])
    done.set()
    await asyncio.gather(tasks["c"], tasks["d"])
    assert desk.served == ["a", "c", "c left", "d", "d left"]
    assert desk.is_forgotten()


async def test_who_goes_away_just_as_its_turn_comes_passes_it_on(desk):
    done = asyncio.Event()
    async with desk.locks.of("key"):
        tasks = await arrive(desk, *"bc", done=done)
    tasks["b"].cancel()  # it has been given the lock and has not run yet
    done.set()
    await tasks["c"]
    assert desk.served == ["c", "c left"]
    tasks.clear()
    assert desk.is_forgotten()


async def test_a_lock_that_is_left_with_an_error_is_left_all_the_same(desk):
    with pytest.raises(LookupError):
        async with desk.locks.of("key"):
            raise LookupError
    assert desk.is_forgotten()
