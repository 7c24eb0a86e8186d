"""The gateway as a process that is killed in the middle of everything: each 200 is recorded, once and in order."""

import asyncio
import os
import random
import signal
import sys

import httpx
import pytest
from gateway_rig import TOKEN, callback, until, until_answered

from chaos.ports import free_port

pytestmark = pytest.mark.anyio

SENDERS = 8


class Process:
    """A gateway process on a port of its own, with a spool that outlasts it."""

    def __init__(self, world, directory):
        self.port = free_port()
        ours = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
        self.environment = {
            **ours,
            "REJESHA_GATEWAY_PORT": str(self.port),
            "REJESHA_BILLING_TARGET": world.billing.target,
            "REJESHA_ROUTER_CONTROL_TARGET": world.router_control.target,
            "REJESHA_NOTIFY_TARGET": world.notify.target,
            "REJESHA_GATEWAY_ROLE": "intake",
            "REJESHA_PLAINTEXT": "true",
            "REJESHA_SANDBOX": "true",
            "REJESHA_API_TOKEN": TOKEN,
            "REJESHA_GATEWAY_SPOOL": str(directory / "spool"),
        }
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self.running = None

    async def start(self, **changes):
        self.running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            env={**self.environment, **changes},
            stderr=asyncio.subprocess.PIPE,
        )
        return self.running

    async def end(self, number):
        """Send a signal and wait for the end; what the process logged."""
        self.running.send_signal(number)
        return (await self.running.communicate())[1].decode()

    async def ready(self):
        async with asyncio.timeout(30):
            while True:
                try:
                    if (await self.client.get("/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def pay(self, trans_id, **changes):
        """True when the gateway answered 200, False when it died over it."""
        try:
            answer = await self.client.post("/callbackprocess", json=callback(trans_id, **changes))
        except httpx.TransportError:
            return False
        assert answer.status_code == 200
        return True


@pytest.fixture
async def process(world, tmp_path):
    process = Process(world, tmp_path)
    yield process
    await process.client.aclose()
    if process.running and process.running.returncode is None:
        await process.end(signal.SIGKILL)


async def send_on(process, sender, told, stop):
    """Send payments until told to stop: each one twice, with another amount the second time."""
    number = 0
    while not stop.is_set():
        number += 1
        trans_id = f"S{sender}N{number:06}"
        if await process.pay(trans_id):
            told.append(trans_id)
            if await process.pay(trans_id, TransAmount="7.00"):
                continue
        await asyncio.sleep(0.01)  # it is dead; the next one comes while it starts


async def test_killed_again_and_again_while_billing_is_down_it_loses_and_doubles_nothing(world, process):
    chance = random.Random(4711)
    await world.billing.down()
    told, stop = [], asyncio.Event()
    senders = []
    for kill in range(5):
        await process.start()
        await process.ready()
        if not senders:
            senders = [asyncio.create_task(send_on(process, number, told, stop)) for number in range(SENDERS)]
        before = len(told)
        await until(lambda before=before: len(told) > before + 20, 30)
        await asyncio.sleep(chance.uniform(0, 0.1))
        if kill == 3:
            await world.billing.up()  # it returns in the middle of the stream, and dies and returns again
            await until(lambda: world.billing.fake.payments, 30)
        await process.end(signal.SIGKILL)
    stop.set()
    await asyncio.gather(*senders)

    await process.start()
    await process.ready()
    await until_answered(process.client, "/health", lambda answer: not answer.json()["spool"]["waiting"], 60)
    assert "Traceback" not in await process.end(signal.SIGTERM)
    assert process.running.returncode == 0

    recorded = world.billing.fake.payments
    assert not [one for one in told if one not in recorded]
    # What was not answered may be there as well; then its first amount must have come first all the same.
    assert {payment.amount_cents for payment in recorded.values()} == {100_000}
    assert {payment.amount_cents for payment in world.billing.fake.conflicts} == {700}


async def test_a_second_gateway_with_the_same_spool_does_not_start(process):
    await process.start()
    await process.ready()
    first = process.running
    second = await process.start(REJESHA_GATEWAY_PORT="1")
    _, said = await second.communicate()
    process.running = first
    assert second.returncode == 1
    assert "rejesha: REJESHA_GATEWAY_SPOOL cannot be used" in said.decode()
    assert "belongs to another gateway" in said.decode()
    assert "Traceback" not in said.decode()
    await process.end(signal.SIGTERM)
    await process.start()
    await process.ready()


async def test_stopped_in_the_middle_of_an_outage_it_ends_in_order_and_goes_on_at_its_next_start(world, process):
    await world.billing.down()
    await process.start()
    await process.ready()
    payments = [asyncio.create_task(process.pay(f"STOP{number:04}")) for number in range(10)]
    async with asyncio.timeout(20):
        await asyncio.wait(payments, return_when=asyncio.FIRST_COMPLETED)
    said = await process.end(signal.SIGTERM)
    assert all(await asyncio.gather(*payments))
    assert process.running.returncode == 0
    assert "Traceback" not in said
    await world.billing.up()
    await process.start()
    await until(lambda: len(world.billing.fake.payments) == 10, 30)
