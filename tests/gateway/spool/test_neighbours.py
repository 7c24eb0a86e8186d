"""What waits in the spool does not hold up what could be recorded: locked rows, slow ones, and junk."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from gateway_rig import callback, post_raw, run_gateway, until, until_answered
from spooling import drained, pay, state

pytestmark = pytest.mark.anyio

LOCKED = "ACC001"


async def test_one_locked_row_spools_only_its_own_payments_and_they_follow_when_it_is_free(world):
    world.billing.fake.defers = {LOCKED}
    async with run_gateway(world.plan()) as gateway:
        for number in range(30):
            assert await pay(gateway, f"LOCKED{number:04}", BillRefNumber=LOCKED) == "spooled"
            assert await pay(gateway, f"FREE{number:06}") == "customer_paid"
        assert await pay(gateway, "LOCKED0000", TransAmount="5.00") == "spooled"  # it must not overtake
        told = await state(gateway)
        assert (told["waiting"], told["deferred"] > 0) == (31, True)
        world.billing.fake.defers = set()
        await drained(gateway)
    assert len(world.billing.fake.payments) == 60
    assert world.billing.fake.payments["LOCKED0000"].amount_cents == 100_000
    assert [payment.trans_id for payment in world.billing.fake.conflicts] == ["LOCKED0000"]


async def test_a_batch_that_billing_refuses_for_a_locked_row_is_no_outage(world, authorized):
    world.billing.fake.fail_with, world.billing.fake.fails_because = grpc.StatusCode.UNAVAILABLE, ("ROW_LOCKED",)
    async with run_gateway(world.plan()) as gateway:
        assert await pay(gateway) == "spooled"
        assert (await gateway.get("/spool", headers=authorized)).json()["billing"] == "reachable"
        world.billing.fake.fail_with = None
        assert await pay(gateway, "OTHER00001") == "customer_paid"
        await drained(gateway)
    assert len(world.billing.fake.payments) == 2


async def test_after_an_outage_a_locked_row_holds_no_other_payment_back_and_closes_nothing(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan()) as gateway:
        for number in range(300):
            account = LOCKED if number < 250 else "0949AQ"
            assert await pay(gateway, f"MIXED{number:05}", BillRefNumber=account) == "spooled"
        world.billing.fake.defers = {LOCKED}
        world.billing.fake.fail_with = None
        await until(lambda: len(world.billing.fake.payments) == 50)
        assert await pay(gateway, "DIRECT0001") == "customer_paid"
        # The gateway, too, must have heard that they are recorded.
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["waiting"] == 250)
        world.billing.fake.defers = set()
        await drained(gateway)
    assert len(world.billing.fake.payments) == 301


@pytest.mark.parametrize("fault", ["hangs", "database_refuses"])
async def test_a_payment_that_keeps_billing_waiting_is_left_behind_and_the_rest_is_recorded(world, fault):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan(intake_deadline=0.3)) as gateway:
        for number in range(20):
            assert await pay(gateway, f"SLOW{number:06}") == "spooled"
        setattr(world.billing.fake, fault, "SLOW000000")
        world.billing.fake.fail_with = None
        await until(lambda: len(world.billing.fake.payments) == 19, 20)
        setattr(world.billing.fake, fault, "")
        await drained(gateway)
    assert len(world.billing.fake.payments) == 20


async def test_junk_in_the_spool_keeps_no_payment_from_being_recorded(world):
    """800 malformed callbacks and some payments came while billing was away; then it is back, and slow with junk."""
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    world.billing.fake.quarantine_delay = 1.0  # for 50 of them
    async with run_gateway(world.plan()) as gateway:
        junk = [post_raw(gateway, "/callbackprocess", b"[%d" % number) for number in range(800)]
        answers = [
            answer for start in range(0, 800, 300) for answer in await asyncio.gather(*junk[start : start + 300])
        ]
        assert {status for status, _ in answers} == {400}
        for number in range(20):
            assert await pay(gateway, f"HONEST{number:04}") == "spooled"
        world.billing.fake.fail_with = None
        await until(lambda: len(world.billing.fake.payments) == 20)
        assert len(world.billing.fake.kept) <= 50  # payments go first, before all junk that was not under way
        # The gateway, too, must have heard that they are recorded.
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["waiting"] <= 800)
        for number in range(50):  # each directly, though the junk is still on its way
            began = time.monotonic()
            assert await pay(gateway, f"AFTER{number:05}") == "customer_paid"
            assert time.monotonic() - began < 1
        assert (await state(gateway))["waiting"] > 0
        world.billing.fake.quarantine_delay = 0
        await drained(gateway)
    assert len(world.billing.fake.kept) == 800
    assert len(world.billing.fake.payments) == 70


async def test_only_junk_in_the_spool_and_billing_is_back_so_payments_go_straight_to_it(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    world.billing.fake.quarantine_delay = 0.2
    async with run_gateway(world.plan()) as gateway:
        for number in range(200):
            assert (await gateway.post("/callbackprocess", content=b"[%d" % number)).status_code == 400
        world.billing.fake.fail_with = None
        await until(lambda: world.billing.fake.kept)
        assert (await state(gateway))["waiting"] > 0
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["waiting"] < 200)
        assert await pay(gateway) == "customer_paid"


async def test_rejected_junk_takes_no_more_on_disk_than_was_counted(world, authorized):
    world.billing.fake.quarantine_fails = True
    store = world.store(max_bytes=4 * 1024 * 1024)
    async with run_gateway(world.plan(store=store)) as gateway:
        for start in range(0, 1000, 200):
            bodies = [b"[%d" % number for number in range(start, start + 200)]
            await asyncio.gather(*(post_raw(gateway, "/callbackprocess", body) for body in bodies))
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["rejected"] == 1000)
        told = (await gateway.get("/spool", headers=authorized)).json()
        assert told["bytes"] < 1000 * 300
        assert {(one["state"], one["fault"] is not None) for one in told["callbacks"]} == {("rejected", True)}


@pytest.mark.parametrize("spooled", [False, True])
async def test_a_payment_keeps_the_time_at_which_it_came(world, spooled):
    if spooled:
        world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    before = datetime.now(UTC)
    async with run_gateway(world.plan()) as gateway:
        status, _ = await post_raw(gateway, "/callbackprocess", json.dumps(callback()).encode())
        after = datetime.now(UTC)
        assert status == 200
        if spooled:
            await until(lambda: datetime.now(UTC) > after + timedelta(milliseconds=50))
            world.billing.fake.fail_with = None
        await drained(gateway)
    received = world.billing.fake.payments["SAMPLE0001"].receive_time.ToDatetime(UTC)
    assert before - timedelta(milliseconds=1) <= received <= after
