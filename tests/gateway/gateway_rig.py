"""A gateway behind a real port, and fakes of the other services behind theirs."""

import asyncio
import contextlib
import json
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fake_billing
import gateway_fakes
import httpx
import uvicorn
from gateway.app import Lifecycle, Plan, create_app
from gateway.clients.channels import Clients, Targets
from gateway.connections import Limits
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.service import Dispatcher
from gateway.server import configuration
from gateway.spool.drain import DrainPace
from gateway.spool.store import Store
from rejesha.billing.v1 import task_service_pb2 as task_pb

TOKEN = "operators-token-for-tests"
# Quick, so that pauses and leases end within a test.
PACE = DispatchLimits(
    lease=3.0,
    access_deadline=1.0,
    message_deadline=1.0,
    report_deadline=1.0,
    margin=0.2,
    poll=0.2,
    first_pause=0.05,
    max_pause=0.3,
)
LIMITS = Limits()
DRAIN_PACE = DrainPace(first_pause=0.05, max_pause=0.2, poll=0.1, first_deferral=0.05, max_deferral=0.2)


@dataclass
class World:
    """The services around a gateway."""

    billing: Any
    router_control: Any
    notify: Any
    directory: Path

    @property
    def targets(self):
        return Targets(self.billing.target, self.router_control.target, self.notify.target)

    def plan(self, **changes):
        plan = Plan(
            targets=self.targets,
            takes_in=True,
            dispatches=False,
            api_token=TOKEN,
            dispatch_limits=PACE,
            drain_pace=DRAIN_PACE,
        )
        if changes.get("takes_in", True) and "store" not in changes:
            changes["store"] = self.store()
        return replace(plan, **changes)

    def store(self, directory=None, max_bytes=64 * 1024 * 1024):
        """A spool's store in a directory of its own, or in the given one."""
        return Store.open(directory or Path(tempfile.mkdtemp(dir=self.directory)), max_bytes)


@contextlib.asynccontextmanager
async def run_world():
    with tempfile.TemporaryDirectory() as directory:
        world = World(
            await fake_billing.billing_service().up(),
            await gateway_fakes.router_control_service().up(),
            await gateway_fakes.notify_service().up(),
            Path(directory),
        )
        try:
            yield world
        finally:
            for service in (world.billing, world.router_control, world.notify):
                await service.close()


class _Server(uvicorn.Server):
    async def main_loop(self):
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110  # uvicorn's own loop sleeps ten times as long
            await asyncio.sleep(0.01)

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.asynccontextmanager
async def run_gateway(plan, lifecycle=None, limits=LIMITS):
    """A gateway on a free port; yields a client for it."""
    config = configuration(create_app(plan, lifecycle or Lifecycle()), "127.0.0.1", 0, limits)
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), serving.exception()
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    pool = httpx.Limits(max_connections=None)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, limits=pool, timeout=30) as client:
        try:
            yield client
        finally:
            # The client stays open meanwhile: what is under way must still be answered.
            server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def dispatching(world, pace=PACE):
    """A running dispatcher; leaves it the graceful way."""
    clients, stopping = Clients.connect(world.targets), asyncio.Event()
    dispatcher = Dispatcher(clients, "test", stopping, pace)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        stopping.set()
        await running
        await clients.close()


def results(world):
    """How often each result of switching a line was reported."""
    return Counter(task_pb.AccessOutcome.Name(report.access.outcome) for report in world.billing.fake.reports)


def all_done(world):
    """A condition: every task has ended."""
    return lambda: all(held.done for held in world.billing.fake.tasks.values())


async def post_raw(client, path, body):
    """One POST on a connection of its own, without a client library's cost; the status and the JSON answered."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def counted(monkeypatch, owner, name):
    """Counts the calls of a method of the gateway's, for conditions on what cannot be seen from outside."""
    calls, really = [], getattr(owner, name)

    def call(*arguments, **named):
        calls.append(arguments)
        return really(*arguments, **named)

    monkeypatch.setattr(owner, name, call)
    return calls


class Line:
    """A connection on which a test writes HTTP by hand."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, gateway):
        return cls(*await asyncio.open_connection(gateway.base_url.host, gateway.base_url.port))

    async def send(self, data):
        self._writer.write(data)
        await self._writer.drain()

    async def head(self):
        """The next answer's head, in lower case."""
        return (await self._reader.readuntil(b"\r\n\r\n")).lower()

    async def answer(self):
        """The next answer's status and JSON."""
        head = await self.head()
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head.split()[1]), json.loads(await self._reader.readexactly(length))

    async def ends(self, seconds=10):
        """Wait until the other side closes; what came before that."""
        async with asyncio.timeout(seconds):
            return await self._reader.read()

    async def pour(self, pieces):
        """Send without end; how many bytes were taken until the other side took no more for a second."""
        taken = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            for piece in pieces:
                async with asyncio.timeout(1):
                    await self.send(piece)
                taken += len(piece)
        return taken

    async def hang_up(self):
        self._writer.close()
        await self._writer.wait_closed()

    def drop(self):
        """Be gone, whatever was on its way."""
        self._writer.transport.abort()


def head_of(length, path="/callbackprocess", more=b""):
    """The head of a POST with so long a body."""
    return f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n".encode() + more + b"\r\n"


async def until(condition, seconds=10):
    """Wait until `condition()` is true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the fakes tell nobody when they change
            await asyncio.sleep(0.01)


async def until_answered(client, path, condition, seconds=20):
    """Ask until the answer is as `condition` wants it."""
    async with asyncio.timeout(seconds):
        while not condition(await client.get(path)):  # noqa: ASYNC110  # asking is all that a client can do
            await asyncio.sleep(0.02)


def callback(trans_id="SAMPLE0001", **changes):
    """A confirmation as M-Pesa sends it."""
    body = {
        "TransactionType": "Pay Bill",
        "TransID": trans_id,
        "TransTime": "20260131120000",
        "TransAmount": "1000.00",
        "BusinessShortCode": "600000",
        "BillRefNumber": "0949AQ",
        "InvoiceNumber": "",
        "OrgAccountBalance": "212391.00",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 126",
        "FirstName": "Asha",
    }
    return {key: value for key, value in {**body, **changes}.items() if value is not ...}
