"""Gateways that share a spool's directory: each has its own part, and what one leaves for good another takes over."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime

import grpc
import pytest
import structlog
from gateway.callbacks.raw import RawCallback
from gateway.spool.service import Spool
from gateway.spool.sharing import SharedDirectory, take_over
from gateway_rig import callback, run_gateway, until, until_answered
from spool_files import MIB, drain, insert, names, numbered
from spooling import drained

pytestmark = pytest.mark.anyio


@pytest.fixture
def shared(tmp_path):
    return SharedDirectory(tmp_path, 16 * MIB)


def leave(shared, callbacks):
    """Our own store, and beside it another one that its gateway has left with these in it."""
    theirs, own = shared.free(), shared.free()
    assert insert(theirs, callbacks) == len(callbacks)
    theirs.close()
    return own


def payment(trans_id):
    return RawCallback(json.dumps(callback(trans_id)).encode(), "127.0.0.1", datetime.now(UTC), trans_id)


async def taking_over(shared, spool, condition):
    """Look for what others left until a condition holds."""
    stopping = asyncio.Event()
    task = asyncio.create_task(take_over(shared, spool, stopping, pause=0.01))
    await until(condition)
    stopping.set()
    await task


async def test_each_owns_the_first_free_part_and_goes_on_with_what_it_finds(shared):
    second = leave(shared, numbered(0, 3))
    third = shared.free()
    assert (third.state.waiting, second.state.waiting) == (3, 0)
    second.close()
    third.close()


async def test_what_a_gateway_left_that_is_gone_for_good_is_recorded_once(shared, world):
    ids = [f"LEFT{number:04}" for number in range(500)]
    own = leave(shared, [payment(one) for one in ids])
    async with run_gateway(world.plan(store=own, shared=shared)) as gateway:
        await until(lambda: len(world.billing.fake.payments) == len(ids))
        await drained(gateway)
    assert list(world.billing.fake.payments) == ids
    assert not world.billing.fake.conflicts
    assert shared.abandoned() is None


async def test_it_waits_with_us_while_billing_is_away_and_nobody_overtakes_it(shared, world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    own = leave(shared, [payment("LEFT000001")])
    async with run_gateway(world.plan(store=own, shared=shared)) as gateway:
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["waiting"])
        later = await gateway.post("/callbackprocess", json=callback("LEFT000001", TransAmount="5.00"))
        assert later.json()["processingResult"]["outcome"] == "spooled"
        world.billing.fake.fail_with = None
        await drained(gateway)
    assert world.billing.fake.payments["LEFT000001"].amount_cents == 100_000
    assert [one.amount_cents for one in world.billing.fake.conflicts] == [500]


async def test_what_the_disk_has_changed_is_not_taken_for_a_payment(shared, world):
    own = leave(shared, [payment("LEFT000001")])
    changed = payment("LEFT000001").body.replace(b"1000.00", b"9000.00")
    with sqlite3.connect(shared.path / "1" / "callbacks.db") as theirs:
        assert theirs.execute("UPDATE callbacks SET body = ?", (changed,)).rowcount == 1
    async with run_gateway(world.plan(store=own, shared=shared)) as gateway:
        await until(lambda: world.billing.fake.kept)
        await drained(gateway)
    assert not world.billing.fake.payments


async def test_a_part_that_is_in_use_and_one_that_ours_has_no_room_for_are_left_as_they_are(shared):
    left = numbered(0, 40, size=60_000)
    leave(shared, left).close()
    in_use, small = shared.free(), SharedDirectory(shared.path, MIB)
    assert in_use.state.waiting == len(left)
    spool = Spool(small.free())
    await taking_over(shared, spool, lambda: True)
    assert spool.state.waiting == 0
    in_use.close()
    await taking_over(shared, spool, lambda: spool.counters.refused)
    await spool.close()
    store = shared.abandoned()
    assert drain(store) == names(left)
    store.close()


def test_a_part_with_nothing_to_hand_over_is_passed_without_a_word(shared):
    own = leave(shared, [])
    (shared.path / "1" / "callbacks.db.damaged-1").touch()
    with structlog.testing.capture_logs() as events:
        assert shared.abandoned() is None
    assert events == []
    own.close()
