"""What OpenAPI says is what the gateway does: generated requests, right and wrong, against a running gateway."""

import asyncio
import threading

import pytest
import schemathesis
from gateway.app import Lifecycle, Plan, create_app
from gateway.clients.channels import Targets
from gateway_rig import TOKEN, callback, run_gateway, run_world
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.fixture(scope="module")
def address():
    """A gateway in a thread of its own: schemathesis asks with plain blocking calls."""
    box, started = {}, threading.Event()

    async def serve():
        async with run_world() as world, run_gateway(world.plan()) as client:
            box["stop"], box["loop"] = asyncio.Event(), asyncio.get_running_loop()
            await client.post("/callbackprocess", json=callback())
            await client.post("/callbackprocess", content=b"broken")
            box["address"] = str(client.base_url).rstrip("/")
            started.set()
            await box["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(30)
    yield box["address"]
    box["loop"].call_soon_threadsafe(box["stop"].set)
    thread.join(30)


described = create_app(
    Plan(Targets("billing:1", "router:1", "notify:1"), takes_in=True, dispatches=False), Lifecycle()
).routes[-1]
schema = schemathesis.openapi.from_dict(described.app.openapi())


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_openapi_names(case, address):
    checks = list(PROMISES)
    if case.path.startswith(("/callbackprocess", "/c2b")):
        checks.append(positive_data_acceptance)
    case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, checks=checks)
