"""CPU a payment when billing is called through gRPC, beside the same code called in one process.

Batches of the same payments on the same schema, where no dispatcher runs. Counted is the CPU of the caller, which is
the gateway's own client, and of billing; MySQL's is the same for both.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterator

from billing.locking.service import HeldRows
from billing.payments import service as intake
from billing.payments.rules import Payment
from billing.payments.servicer import payment_of
from billing.policy import Policy
from gateway.callbacks.parsing import Payment as GatewayPayment
from gateway.callbacks.parsing import parse_callback
from gateway.clients.billing import Billing, message_of
from rejesha.billing.v1.payment_service_pb2_grpc import PaymentServiceStub
from servicekit.rpc.channel import connect, connect_async

from benchmarks.bench import Bench
from benchmarks.load.plan import Load
from benchmarks.load.requests import Requests
from benchmarks.machine import cpu_seconds
from benchmarks.ours import ADMINS
from benchmarks.ports import free_ports
from benchmarks.raw.setup import SCHEMA
from benchmarks.results import Measure, Ratio
from deploy.local.certificates import TLS_DIRECTORY
from deploy.local.environment import of_service
from deploy.local.processes import Process, serving
from servicekit import engines

_BATCH = 50


def run(bench: Bench) -> list[Measure]:
    (port,) = free_ports(1)
    url = bench.mysql.url(SCHEMA)
    environment = of_service("billing", bench.ours.values) | {
        "REJESHA_BILLING_PORT": str(port),
        "REJESHA_DATABASE_URL": url,
        "REJESHA_PLAINTEXT": "true",  # what gRPC costs, not what TLS does
        TLS_DIRECTORY: "",
        "REJESHA_METRICS_PORT": "",
    }
    target = f"127.0.0.1:{port}"
    ready = serving(lambda: connect(target, service="billing"))
    process = Process("billing", ["billing"], environment, bench.directory / "log" / "raw-billing.log", ready)
    process.start()
    try:
        process.wait_ready()
        batches = bench.extent.choose(100, 30)
        values = bench.rounds(
            {
                "through gRPC": lambda: asyncio.run(_through_grpc(target, process.pid, batches)),
                "in process": lambda: _in_process(url, batches),
            }
        )
    finally:
        process.stop()
    asked = [Ratio("through gRPC", "in process", 1.5, 1.3, lower_is_better=True)]
    return [Measure(f"CPU a payment, batches of {_BATCH}", "us", values, asked)]


def _batches(count: int) -> Iterator[list[GatewayPayment]]:
    load = Load(port=0, prefix=secrets.token_hex(2).upper(), suffix="HW", accounts=2000)
    requests = Requests(load)
    for _ in range(count):
        bodies = (requests.next().partition(b"\r\n\r\n")[2] for _ in range(_BATCH))
        yield [parse_callback(body, "127.0.0.1") for body in bodies]


async def _through_grpc(target: str, pid: int, count: int) -> float:
    channel = connect_async(target, service="billing")
    client = Billing(PaymentServiceStub(channel), deadline=30)
    prepared = list(_batches(count))
    await client.record(next(_batches(1)))
    begin = time.process_time() + cpu_seconds(pid)
    for batch in prepared:
        await client.record(batch)
    used = time.process_time() + cpu_seconds(pid) - begin
    await channel.close()
    return used / (count * _BATCH) * 1e6


def _in_process(url: str, count: int) -> float:
    engine = engines.create_engine(url)
    held_rows = HeldRows(engine)
    record: Callable[[list[Payment]], object] = lambda batch: intake.record(engine, Policy(ADMINS), batch, held_rows)  # noqa: E731
    prepared = [_billings(batch) for batch in _batches(count)]
    record(_billings(next(_batches(1))))
    begin = cpu_seconds(os.getpid())
    for batch in prepared:
        record(batch)
    used = cpu_seconds(os.getpid()) - begin
    engine.dispose()
    return used / (count * _BATCH) * 1e6


def _billings(batch: list[GatewayPayment]) -> list[Payment]:
    return [payment_of(message_of(payment)) for payment in batch]
