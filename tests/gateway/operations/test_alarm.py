"""No shilling is held in silence: the admins hear once that payments wait, and once that it is over."""

from collections import Counter
from dataclasses import replace

import grpc
import pytest
from gateway.operations.alarm import AlarmPace
from gateway.spool.drain import DrainPace
from gateway_rig import run_gateway, until
from spooling import drained, pay
from structlog.testing import capture_logs

pytestmark = pytest.mark.anyio

ADMINS = ("254700000001", "254700000002")
QUICK = AlarmPace(patience=0.5, poll=0.02, max_pause=0.2, deadline=1.0)
SLOW = AlarmPace(patience=60, poll=0.02, max_pause=0.2, deadline=1.0)


def told(world):
    return Counter(message.template.name for message in world.notify.fake.messages.values())


def plan(world, **changes):
    return world.plan(**{"admin_phones": ADMINS, "alarm_pace": QUICK, **changes})


async def test_the_admins_hear_once_that_payments_wait_and_once_that_it_is_over(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    # Longer than three payments take.
    async with run_gateway(plan(world, alarm_pace=replace(QUICK, patience=2.0))) as gateway:
        for number in range(3):
            await pay(gateway, f"WAITS{number:05}")
        await until(lambda: told(world)["payments_waiting"] == 2)
        await pay(gateway, "WAITSMORE1")
        first = next(iter(world.notify.fake.messages.values()))
        assert {message.phone for message in world.notify.fake.messages.values()} == set(ADMINS)
        assert first.template.facts["cause"] == "billing's database did not answer"
        assert first.template.facts["count"] == "3"
        assert first.template.facts["host"]
        world.billing.fake.fail_with = None
        await drained(gateway)
        await until(lambda: told(world)["payments_waiting_over"] == 2)
    assert told(world) == {"payments_waiting": 2, "payments_waiting_over": 2}


async def test_what_passes_by_itself_is_no_news(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(plan(world, alarm_pace=SLOW)) as gateway:
        await pay(gateway)
        world.billing.fake.fail_with = None
        await drained(gateway)
    assert not told(world)


async def test_what_does_not_pass_by_itself_is_told_at_once_and_with_its_cause(world):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    world.billing.fake.fails_because = ("DATABASE_REFUSES", "1364: Field 'zone' doesn't have a default value")
    async with run_gateway(plan(world, alarm_pace=SLOW)) as gateway:
        await pay(gateway)
        await until(lambda: told(world)["payments_waiting"] == 2)
        facts = next(iter(world.notify.fake.messages.values())).template.facts
        assert facts["cause"] == "1364: Field 'zone' doesn't have a default value"


async def test_a_row_that_stays_locked_is_told_though_billing_is_well(world):
    world.billing.fake.defers = {"ACC001"}
    async with run_gateway(plan(world, drain_pace=DrainPace(first_deferral=0.05, max_deferral=0.1))) as gateway:
        await pay(gateway, BillRefNumber="ACC001")
        await until(lambda: told(world)["payments_waiting"] == 2)
        assert await pay(gateway, "OTHER00001") == "customer_paid"


async def test_with_notify_down_as_well_it_is_told_when_notify_is_back(world):
    await world.notify.down()
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    async with run_gateway(plan(world)) as gateway:
        await pay(gateway)
        with capture_logs() as logs:
            await until(lambda: any(entry["event"] == "alarm_not_sent" for entry in logs))
        world.billing.fake.fail_with = None
        await drained(gateway)
        await world.notify.up()
        await until(lambda: told(world) == {"payments_waiting": 2, "payments_waiting_over": 2})


async def test_the_next_process_tells_of_the_same_incident_under_the_same_ids(world, tmp_path):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    for _ in range(2):
        async with run_gateway(plan(world, store=world.store(tmp_path / "spool"))) as gateway:
            await pay(gateway)
            calls = len(world.notify.fake.call_sizes)
            await until(lambda calls=calls: len(world.notify.fake.call_sizes) > calls)
    assert told(world) == {"payments_waiting": 2}


async def test_what_nobody_takes_is_told(world):
    world.billing.fake.quarantine_fails = True
    async with run_gateway(plan(world, alarm_pace=SLOW)) as gateway:
        assert (await gateway.post("/callbackprocess", content=b"not json")).status_code == 400
        await until(lambda: told(world)["callbacks_rejected"] == 2)
    assert told(world) == {"callbacks_rejected": 2}
