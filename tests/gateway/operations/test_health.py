import asyncio
import time

import grpc
import pytest
from gateway.app import Lifecycle
from gateway.spool.drain import DrainPace
from gateway_rig import callback, run_gateway, until
from spooling import pay

pytestmark = pytest.mark.anyio


async def test_all_serving_is_healthy(gateway):
    answer = await gateway.get("/health")
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("timestamp")
    assert told["spool"].pop("bytes") < 100_000
    assert told == {
        "status": "healthy",
        "database": "connected",
        "service": "rejesha-gateway",
        "services": {"billing": "serving", "router-control": "serving", "notify": "serving"},
        "spool": {"state": "ok", "waiting": 0, "deferred": 0, "oldest": None, "rejected": 0, "cause": None},
        "waiting": {"openCallbacks": 0, "unmatchedPayments": 0},
    }


async def test_without_billing_it_is_unhealthy_and_without_the_others_only_degraded(gateway, world):
    world.notify.health.serving = False
    await world.router_control.down()
    degraded = await gateway.get("/health")
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["services"] == {
        "billing": "serving",
        "router-control": "unreachable",
        "notify": "not_serving",
    }
    world.billing.health.serving = False
    unhealthy = await gateway.get("/health")
    assert unhealthy.status_code == 503
    assert {key: unhealthy.json()[key] for key in ("status", "database", "error")} == {
        "status": "unhealthy",
        "database": "disconnected",
        "error": "billing is not serving",
    }


async def test_it_is_never_healthy_while_a_payment_waits_and_says_why(world):
    world.billing.fake.defers = {"ACC001"}
    plan = world.plan(drain_pace=DrainPace(first_deferral=60))
    async with run_gateway(plan) as gateway:
        assert await pay(gateway, BillRefNumber="ACC001") == "spooled"
        answer = await gateway.get("/health")
        told = answer.json()
        assert (answer.status_code, told["status"]) == (200, "degraded")
        assert (told["spool"]["waiting"], told["spool"]["deferred"]) == (1, 1)
        assert "others hold their rows" in told["spool"]["cause"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("DATABASE_UNAVAILABLE", "billing's database did not answer"),
        ("DATABASE_REFUSES", "1045: Access denied"),
    ],
)
async def test_while_billing_cannot_store_it_says_why(world, reason, words):
    world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
    world.billing.fake.fails_because = (reason, "1045: Access denied")
    async with run_gateway(world.plan()) as gateway:
        assert await pay(gateway) == "spooled"
        told = (await gateway.get("/health")).json()  # billing itself says that it is well
        assert (told["status"], told["spool"]["waiting"], told["spool"]["cause"]) == ("degraded", 1, words)
        assert told["spool"]["oldest"]


async def test_callbacks_in_quarantine_are_counted_and_held_payments_alone_are_no_fault(world):
    world.billing.fake.unmatched = 3
    async with run_gateway(world.plan()) as gateway:
        told = (await gateway.get("/health")).json()
        assert (told["status"], told["waiting"]) == ("healthy", {"openCallbacks": 0, "unmatchedPayments": 3})
    async with run_gateway(world.plan()) as gateway:
        assert (await gateway.post("/callbackprocess", content=b"not json")).status_code == 400
        told = (await gateway.get("/health")).json()
        assert (told["status"], told["waiting"]["openCallbacks"]) == ("degraded", 1)


async def test_it_asks_billing_for_counts_seldom_and_answers_while_billing_hangs(world):
    async with run_gateway(world.plan()) as gateway:
        for _ in range(20):
            await gateway.get("/health")
        assert world.billing.fake.counted == 1
    world.billing.fake.count_delay = 60
    async with run_gateway(world.plan()) as gateway:
        began = time.monotonic()
        answer = await gateway.get("/health")
        assert (answer.status_code, answer.json()["waiting"]) == (200, None)
        assert time.monotonic() - began < 5


async def test_a_stopping_gateway_is_not_ready_but_answers_what_it_has_taken(world):
    lifecycle = Lifecycle()
    world.billing.fake.delay = 0.5
    async with run_gateway(world.plan(), lifecycle) as gateway:
        assert (await gateway.get("/readyz")).status_code == 200
        posting = asyncio.create_task(gateway.post("/callbackprocess", json=callback()))
        await until(lambda: world.billing.fake.records_at_once)
        lifecycle.stopping.set()
        assert (await gateway.get("/readyz")).status_code == 503
        assert (await gateway.get("/livez")).status_code == 200
        assert not posting.done()
    assert (await posting).status_code == 200


async def test_a_dispatcher_serves_its_probes_and_nothing_else(world):
    async with run_gateway(world.plan(takes_in=False, dispatches=True)) as gateway:
        for path in ("/livez", "/readyz", "/health"):
            assert (await gateway.get(path)).status_code == 200
        assert (await gateway.post("/callbackprocess", json=callback())).status_code == 404
        assert (await gateway.get("/payments/SAMPLE0001")).status_code == 404
