import asyncio

import pytest
from gateway.lifecycle import Lifecycle
from gateway_rig import callback, run_gateway

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
        "service": "lipanet-gateway",
        "services": {"billing": "serving", "router-control": "serving", "notify": "serving"},
        "spool": {"state": "ok", "waiting": 0, "deferred": 0, "oldest": None, "rejected": 0},
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


async def test_a_stopping_gateway_is_not_ready_but_answers_what_it_has_taken(world):
    lifecycle = Lifecycle()
    world.billing.fake.delay = 0.5
    async with run_gateway(world.plan(), lifecycle) as gateway:
        assert (await gateway.get("/readyz")).status_code == 200
        posting = asyncio.create_task(gateway.post("/callbackprocess", json=callback()))
        await asyncio.sleep(0.1)
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
