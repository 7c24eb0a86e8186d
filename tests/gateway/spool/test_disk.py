"""A gateway whose disk fails or whose spool is full: nothing that it took is lost, and nobody is told a lie."""

import asyncio
import json
import sqlite3
import threading
import time

import grpc
import pytest
from gateway.spool.store import Store
from gateway_rig import callback, run_gateway, until_answered
from spooling import drained, pay, state

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("error", "word"),
    [(sqlite3.SQLITE_IOERR_FSYNC, "failing"), (sqlite3.SQLITE_FULL, "full"), (sqlite3.SQLITE_READONLY, "failing")],
)
async def test_with_neither_billing_nor_disk_nobody_is_told_a_lie_and_both_recover(world, failing_disk, error, word):
    await world.billing.down()
    async with run_gateway(world.plan(intake_deadline=0.2)) as gateway:
        assert await pay(gateway, "BEFORE0001") == "spooled"
        assert (await gateway.get("/readyz")).status_code == 200
        failing_disk.error = error
        posts = (gateway.post("/callbackprocess", json=callback(f"LOST{number:04}")) for number in range(20))
        assert {answer.status_code for answer in await asyncio.gather(*posts)} == {503}
        assert (await gateway.post("/callbackprocess", content=b"not json")).status_code == 503
        assert (await gateway.get("/readyz")).status_code == 503
        assert (await state(gateway))["state"] == word
        failing_disk.error = 0
        # Nobody sends anything meanwhile.
        await until_answered(gateway, "/readyz", lambda answer: answer.status_code == 200)
        assert await pay(gateway, "AGAIN00001") == "spooled"
        await world.billing.up()
        await drained(gateway)
    assert sorted(world.billing.fake.payments) == ["AGAIN00001", "BEFORE0001"]


async def test_a_failing_disk_costs_nothing_while_billing_is_well(world, failing_disk):
    async with run_gateway(world.plan()) as gateway:
        failing_disk.error = sqlite3.SQLITE_IOERR_FSYNC
        assert await pay(gateway) == "customer_paid"
        assert (await gateway.get("/readyz")).status_code == 200


async def test_a_full_spool_refuses_and_loses_nothing_that_it_took(world):
    await world.billing.down()
    plan = world.plan(intake_deadline=0.2, store=world.store(max_bytes=MIB))
    async with run_gateway(plan) as gateway:
        junk = [await gateway.post("/callbackprocess", content=b"x" * 60_000) for _ in range(8)]
        assert [answer.status_code for answer in junk] == [400] * 3 + [503] * 5  # a quarter is what junk may have
        taken, refused = [], 0
        for number in range(30):
            body = json.dumps(callback(f"FULL{number:04}", FirstName="x" * 50_000))
            answer = await gateway.post("/callbackprocess", content=body)
            assert answer.status_code in (200, 503)
            if answer.status_code == 200:
                taken.append(f"FULL{number:04}")
            else:
                refused += 1
        assert taken
        assert refused
        assert (await state(gateway))["state"] == "full"
        assert (await state(gateway))["bytes"] <= MIB
        await world.billing.up()
        await drained(gateway)
        assert (await state(gateway))["state"] == "ok"
    assert sorted(world.billing.fake.payments) == taken


async def test_a_disk_that_hangs_costs_a_bounded_time_and_then_503(world, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr("gateway.spool.service._WRITE_SECONDS", 0.5)
    monkeypatch.setattr(Store, "insert", lambda _store, arrivals: [released.wait(60)] * len(arrivals))
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan()) as gateway:
        began = time.monotonic()
        posts = (gateway.post("/callbackprocess", json=callback(f"HUNG{number:04}")) for number in range(5))
        assert {answer.status_code for answer in await asyncio.gather(*posts)} == {503}
        assert (await gateway.get("/health")).status_code == 200
        assert time.monotonic() - began < 10
        released.set()
