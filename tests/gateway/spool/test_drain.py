"""A gateway whose billing is away, hangs or breaks: every 200 is kept, in order, and handed over once."""

import asyncio
import json
import time

import grpc
import pytest
from gateway.batching import Batcher
from gateway.spool.drain import DrainPace
from gateway_rig import callback, counted, post_raw, run_gateway, until, until_answered
from spooling import drained, pay, state

pytestmark = pytest.mark.anyio


async def test_a_thousand_payments_while_billing_is_down_are_kept_and_recorded_once(world):
    await world.billing.down()
    ids = [f"DOWN{number:04}" for number in range(1000)]
    async with run_gateway(world.plan(intake_deadline=0.5)) as gateway:
        began = time.monotonic()
        bodies = [json.dumps(callback(one)).encode() for one in ids]
        answers = await asyncio.gather(*(post_raw(gateway, "/callbackprocess", body) for body in bodies))
        assert {(status, told["processingResult"]["outcome"]) for status, told in answers} == {(200, "spooled")}
        assert time.monotonic() - began < 30
        assert (await state(gateway))["waiting"] == 1000
        await world.billing.up()
        await drained(gateway)
        assert await pay(gateway, "AFTER00001") == "customer_paid"
    assert sorted(world.billing.fake.payments) == sorted([*ids, "AFTER00001"])
    assert not world.billing.fake.conflicts
    assert max(world.billing.fake.record_sizes) <= 200


async def test_payments_are_handed_over_in_the_order_in_which_they_came(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    ids = [f"ORDER{number:03}" for number in range(60)]
    async with run_gateway(world.plan()) as gateway:
        for one in ids:
            await pay(gateway, one)
        world.billing.fake.fail_with = None
        await drained(gateway)
    assert list(world.billing.fake.payments) == ids
    assert json.loads(world.billing.fake.payments["ORDER017"].callback_body) == callback("ORDER017")
    assert world.billing.fake.payments["ORDER017"].source_address == "127.0.0.1"


async def test_a_billing_that_hangs_costs_its_deadline_once_and_not_for_each_callback(world):
    world.billing.fake.delay = 3600
    async with run_gateway(world.plan(intake_deadline=1.0)) as gateway:
        began = time.monotonic()
        for number in range(30):
            assert await pay(gateway, f"HANG{number:04}") == "spooled"
        assert time.monotonic() - began < 10
        world.billing.fake.delay = 0
        await drained(gateway)
    assert len(world.billing.fake.payments) == 30


async def test_who_waits_behind_a_hung_call_is_spooled_with_it(world, monkeypatch):
    submitted = counted(monkeypatch, Batcher, "submit")
    hung = world.billing.fake.hangs_until = asyncio.Event()
    async with run_gateway(world.plan(intake_deadline=30)) as gateway:
        waiting = []
        for number in range(2):  # all calls that may be under way
            waiting.append(asyncio.create_task(pay(gateway, f"FIRST{number}")))
            await until(lambda: world.billing.fake.records_at_once == len(waiting))
        waiting.append(asyncio.create_task(pay(gateway, "BEHIND0001")))
        await until(lambda: len(submitted) == 3)
        world.billing.fake.hangs_until = asyncio.Event()  # what it is asked from now on
        hung.set()
        began = time.monotonic()
        assert await asyncio.gather(*waiting) == ["spooled"] * 3
        assert time.monotonic() - began < 15  # without a deadline of its own
        world.billing.fake.hangs_until.set()
        world.billing.fake.hangs_until = None
        await drained(gateway)
    assert len(world.billing.fake.payments) == 3


async def test_a_later_callback_of_a_payment_never_overtakes_the_one_that_waits(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan(drain_pace=DrainPace(first_pause=3, max_pause=3))) as gateway:
        assert await pay(gateway) == "spooled"
        world.billing.fake.fail_with = None  # billing is back, the drain has not found out yet
        assert await pay(gateway, TransAmount="5.00") == "spooled"
        await drained(gateway)
        assert await pay(gateway) == "customer_paid"
    assert world.billing.fake.payments["SAMPLE0001"].amount_cents == 100_000
    assert [payment.amount_cents for payment in world.billing.fake.conflicts] == [500]


async def test_only_callbacks_of_the_same_payment_queue_up_while_billing_is_well(world):
    world.billing.fake.breaks = "SAMPLE0001"
    world.billing.fake.quarantine_breaks = True
    async with run_gateway(world.plan(drain_pace=DrainPace(first_deferral=3, max_deferral=3))) as gateway:
        assert await pay(gateway) == "spooled"
        # The drain has tried it once, and puts it off.
        await until_answered(gateway, "/health", lambda answer: answer.json()["spool"]["deferred"])
        world.billing.fake.breaks = ""
        assert await pay(gateway, TransAmount="5.00") == "spooled"
        assert await pay(gateway, "OTHER00001") == "customer_paid"
        await drained(gateway)
    assert list(world.billing.fake.payments) == ["OTHER00001", "SAMPLE0001"]
    assert [payment.amount_cents for payment in world.billing.fake.conflicts] == [500]


async def test_a_contradicting_callback_is_not_handed_over_before_the_first_one_is_settled(world, tmp_path):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan(store=world.store(tmp_path / "spool"))) as gateway:
        assert await pay(gateway, BillRefNumber="ODD") == "spooled"
        assert await pay(gateway) == "spooled"
    world.billing.fake.refuses = "ODD"
    world.billing.fake.quarantine_breaks = True
    world.billing.fake.fail_with = None
    world.billing.fake.record_sizes.clear()
    async with run_gateway(world.plan(store=world.store(tmp_path / "spool"))) as gateway:
        await until(lambda: len(world.billing.fake.record_sizes) > 3)
        assert not world.billing.fake.payments
        world.billing.fake.quarantine_breaks = False
        await drained(gateway)
    assert [kept.fault for kept in world.billing.fake.kept.values()] == ["payment: said no"]
    assert world.billing.fake.payments["SAMPLE0001"].bill_ref_number == "0949AQ"


async def test_a_later_callback_waits_for_the_one_under_way(world):
    world.billing.fake.delay = 3600
    async with run_gateway(world.plan(intake_deadline=0.8)) as gateway:
        first = asyncio.create_task(pay(gateway))
        await until(lambda: world.billing.fake.records_at_once)
        world.billing.fake.delay = 0  # from now on it would answer at once
        second = await pay(gateway, TransAmount="5.00")
        assert (await first, second) in [("spooled", "spooled"), ("spooled", "conflict")]
        await drained(gateway)
    assert world.billing.fake.payments["SAMPLE0001"].amount_cents == 100_000
    assert [payment.amount_cents for payment in world.billing.fake.conflicts] == [500]


async def test_after_a_restart_the_order_still_holds_and_what_waits_is_handed_over(world, tmp_path):
    await world.billing.down()
    async with run_gateway(world.plan(intake_deadline=0.3, store=world.store(tmp_path / "spool"))) as gateway:
        assert await pay(gateway) == "spooled"
        assert await pay(gateway, "OTHER00001") == "spooled"
    async with run_gateway(world.plan(intake_deadline=30, store=world.store(tmp_path / "spool"))) as gateway:
        began = time.monotonic()
        assert await pay(gateway, TransAmount="5.00") == "spooled"
        assert await pay(gateway, "LATER00001") == "spooled"
        assert time.monotonic() - began < 15  # what waits already tells that billing is away
        await world.billing.up()
        await drained(gateway)
    assert list(world.billing.fake.payments) == ["SAMPLE0001", "OTHER00001", "LATER00001"]
    assert world.billing.fake.payments["SAMPLE0001"].amount_cents == 100_000
    assert [payment.amount_cents for payment in world.billing.fake.conflicts] == [500]


async def test_malformed_callbacks_are_named_at_once_and_kept_in_quarantine_later(world):
    await world.billing.down()
    async with run_gateway(world.plan(intake_deadline=0.3)) as gateway:
        broken = await gateway.post("/callbackprocess", content=b"not json")
        assert (broken.status_code, broken.json()["error"]) == (400, "body: not JSON (line 1, column 1)")
        assert "quarantineId" not in broken.json()
        assert (await gateway.post("/callbackprocess", content=b"x" * 100_000)).status_code == 413
        await world.billing.up()
        await drained(gateway)
    kept = list(world.billing.fake.kept.values())
    assert [(one.fault, one.truncated) for one in kept] == [
        ("body: not JSON (line 1, column 1)", False),
        ("body: longer than 65536 bytes", True),
    ]
    assert (kept[0].callback_body, kept[0].source_address) == (b"not json", "127.0.0.1")


async def test_a_malformed_callback_that_billing_kept_without_an_answer_in_time_is_kept_once(world):
    world.billing.fake.quarantine_answers_late = 3600
    async with run_gateway(world.plan(intake_deadline=0.3)) as gateway:
        assert "quarantineId" not in (await gateway.post("/callbackprocess", content=b"not json")).json()
        world.billing.fake.quarantine_answers_late = 0
        await drained(gateway)
        assert (await gateway.post("/callbackprocess", content=b"not json")).json()["quarantineId"] == 2
    assert len(world.billing.fake.kept) == 2


async def test_what_billing_refuses_goes_into_quarantine_and_holds_nobody_up(world):
    await world.billing.down()
    world.billing.fake.refuses = "MIXED0003"
    ids = [f"MIXED{number:04}" for number in range(8)]
    async with run_gateway(world.plan(intake_deadline=0.3)) as gateway:
        for one in ids:
            await pay(gateway, one)
        await world.billing.up()
        await drained(gateway)
        assert (await state(gateway))["rejected"] == 0
    assert list(world.billing.fake.payments) == [one for one in ids if one != "MIXED0003"]
    assert [one.fault for one in world.billing.fake.kept.values()] == ["payment: said no"]


async def test_what_not_even_the_quarantine_has_room_for_is_laid_aside_and_seen(world, authorized):
    world.billing.fake.quarantine_fails = True
    async with run_gateway(world.plan()) as gateway:
        assert (await gateway.post("/callbackprocess", content=b"not json")).status_code == 400
        assert await pay(gateway) == "customer_paid"  # a full quarantine is no reason not to ask billing
        await drained(gateway)
        health = (await gateway.get("/health")).json()
        assert (health["status"], health["spool"]["rejected"]) == ("degraded", 1)
        assert (await gateway.get("/spool", headers=authorized)).json()["counters"]["rejected"] == 1


async def test_a_callback_that_breaks_billing_is_laid_aside_only_when_others_are_recorded(world):
    world.billing.fake.breaks = "POISON0001"
    world.billing.fake.quarantine_breaks = True
    async with run_gateway(world.plan()) as gateway:
        assert await pay(gateway, "POISON0001") == "spooled"
        world.billing.fake.record_sizes.clear()
        await until(lambda: len(world.billing.fake.record_sizes) > 15)  # alone, it is tried on and on
        assert (await state(gateway))["rejected"] == 0
        async with asyncio.timeout(20):
            number = 0
            while not (await state(gateway))["rejected"]:
                number += 1
                assert await pay(gateway, f"WELL{number:05}") == "customer_paid"
        await drained(gateway)
        world.billing.fake.breaks = ""
        assert await pay(gateway, "POISON0001") == "customer_paid"


async def test_a_billing_that_breaks_on_everything_is_waited_for(world):
    world.billing.fake.fail_with = grpc.StatusCode.INTERNAL
    async with run_gateway(world.plan()) as gateway:
        for number in range(5):
            assert await pay(gateway, f"BROKEN{number}") == "spooled"
        world.billing.fake.record_sizes.clear()
        await until(lambda: len(world.billing.fake.record_sizes) > 30)
        world.billing.fake.fail_with = None
        await drained(gateway)
        assert (await state(gateway))["rejected"] == 0
    # It may come back between a refusal and the quarantine of what it refused.
    assert len(world.billing.fake.payments) + len(world.billing.fake.kept) == 5


async def test_operators_see_what_waits_and_no_body(world, authorized):
    await world.billing.down()
    async with run_gateway(world.plan(intake_deadline=0.2)) as gateway:
        await pay(gateway, MSISDN="254712345678")
        await gateway.post("/callbackprocess", content=b"not json")
        assert (await gateway.get("/spool")).status_code == 401
        answer = await gateway.get("/spool", headers=authorized)
        assert "254712345678" not in answer.text
        told = answer.json()
        assert (told["state"], told["waiting"], told["billing"]) == ("draining", 2, "away")
        first, second = told["callbacks"]
        assert told["oldest"] == first["receiveTime"]
        assert (first["transactionId"], first["fault"], first["sourceAddress"]) == ("SAMPLE0001", None, "127.0.0.1")
        assert (second["transactionId"], second["bytes"]) == (None, 8)
        known = await gateway.get("/payments/SAMPLE0001", headers=authorized)
        assert (known.status_code, "waits in the spool" in known.json()["error"]) == (503, True)
        await world.billing.up()
        await drained(gateway)
        told = (await gateway.get("/spool", headers=authorized)).json()
        assert (told["state"], told["oldest"], told["callbacks"], told["billing"]) == ("ok", None, [], "reachable")
        assert told["counters"] == {
            "spooled": 2,
            "refused": 0,
            "drained": 1,
            "deferred": 0,
            "quarantined": 1,
            "rejected": 0,
            "write_failures": 0,
        }


async def test_what_follows_from_a_payment_is_done_as_well_when_it_came_by_way_of_the_spool(world):
    world.billing.fake.creates_tasks = True
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(world.plan(dispatches=True)) as gateway:
        await pay(gateway)
        world.billing.fake.fail_with = None
        await until(lambda: world.billing.fake.tasks and world.billing.fake.tasks[1].done)
