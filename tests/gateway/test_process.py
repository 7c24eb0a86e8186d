"""The gateway as the process that operators run."""

import asyncio
import json
import os
import signal
import sys

import httpx
import pytest
from gateway.server import raise_file_limit
from gateway_rig import TOKEN, callback, post_raw, until

from chaos.ports import free_port

pytestmark = pytest.mark.anyio

SECRET = "a-live-secret-0123456789"
PHONE = "254700000126"


@pytest.fixture
def environment(world, unused_port, tmp_path):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
    return {
        **ours,
        "REJESHA_GATEWAY_PORT": str(unused_port),
        "REJESHA_BILLING_TARGET": world.billing.target,
        "REJESHA_ROUTER_CONTROL_TARGET": world.router_control.target,
        "REJESHA_NOTIFY_TARGET": world.notify.target,
        "REJESHA_PLAINTEXT": "true",
        "REJESHA_API_TOKEN": TOKEN,
        "REJESHA_GATEWAY_SPOOL": str(tmp_path / "spool"),
        "REJESHA_CALLBACK_SECRETS": SECRET,
    }


@pytest.fixture
def unused_port():
    return free_port()


async def start(environment, *arguments, through=()):
    """Start the gateway, `through` a command that starts another."""
    command = (*through, sys.executable, "-m", "gateway", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)


async def ready(client):
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def test_the_process_reconnects_a_customer_answers_while_it_stops_and_logs_no_secret(
    world, environment, unused_port
):
    world.billing.fake.creates_tasks = True
    process = await start(environment)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_port}", timeout=30) as client:
        await ready(client)
        path = f"/callbackprocess/{SECRET}"
        answer = await client.post(path, json=callback(MSISDN=PHONE))
        assert answer.status_code == 200
        await until(lambda: world.billing.fake.tasks[1].done)
        assert (await client.post(f"{path}x", json=callback(MSISDN=PHONE))).status_code == 403
        assert (await client.post(path, json=callback(f"{PHONE}!"))).status_code == 400
        health = (await client.get("/health")).json()
        assert (health["status"], health["waiting"]["openCallbacks"]) == ("degraded", 1)

        world.billing.fake.delay = 1.0
        posting = asyncio.create_task(client.post(path, json=callback("LASTONE001", MSISDN=PHONE)))
        await until(lambda: world.billing.fake.records_at_once)
        process.send_signal(signal.SIGTERM)
        assert (await posting).status_code == 200
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    said = errors.decode()
    assert "callback_refused" in said
    assert "callback_malformed" in said
    for word in (SECRET, TOKEN, PHONE, "Traceback"):
        assert word not in said


# By a command: a function of ours between fork and exec would run gRPC's fork handlers, which abort now and then.
FEW_FILES = {"can be raised": ("prlimit", "--nofile=1024:"), "cannot be raised": ("prlimit", "--nofile=1024:1024")}


@pytest.mark.parametrize("limit", FEW_FILES)
async def test_more_idle_connections_than_files_were_allowed_cost_nobody_a_payment(environment, unused_port, limit):
    raise_file_limit()  # we hold the other ends
    process = await start(environment, through=FEW_FILES[limit])
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_port}", timeout=30) as client:
            await ready(client)
            idle = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", unused_port) for _ in range(1_100)))
            for number in range(20):
                body = json.dumps(callback(f"BESIDE{number}")).encode()
                assert (await post_raw(client, f"/callbackprocess/{SECRET}", body))[0] == 200
            for _, writer in idle:
                writer.transport.abort()
    finally:
        process.terminate()
        await process.communicate()


async def test_the_process_has_nothing_to_migrate(environment):
    process = await start(environment, "migrate")
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"no database" in errors


async def test_without_secrets_or_networks_the_process_does_not_start(environment):
    process = await start({**environment, "REJESHA_CALLBACK_SECRETS": ""})
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"REJESHA_CALLBACK_SECRETS" in errors
