"""Billing as a process of its own, killed in the middle of its work again and again: everything counts exactly once."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from billing.schema import paybill_payments, tasks
from servicekit.rpc.errors import DeadlineExceeded, Unavailable

from chaos.ports import free_port
from tests.billing.desk import ADMINS, SHORTCODE, Desk
from tests.billing.dispatching import Dispatcher
from tests.billing.serving import Client, connect, payment

KILLS = 5
BATCHES = 120
ACCOUNTS = ["0949AQ", "12BC", "77XY", "SMS001", "WA002", "ACC001", "NOBODY"]


@contextmanager
def process(database_url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m billing`, killed at the end."""
    settings = {
        "REJESHA_BILLING_DATABASE_URL": database_url,
        "REJESHA_BILLING_PORT": str(port),
        "REJESHA_SHORTCODES": SHORTCODE,
        "REJESHA_ADMIN_PHONES": ",".join(ADMINS),
        "REJESHA_PLAINTEXT": "true",
        "REJESHA_LOG_LEVEL": "ERROR",
    }
    with subprocess.Popen([sys.executable, "-m", "billing"], env=os.environ | settings) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGKILL)


class Stream:
    """Sends batches one after the other, each until it is answered, as the gateway does."""

    def __init__(self, client: Client, batches: list) -> None:
        self.client = client
        self.batches = batches
        self.receipts: list = []
        self.under_way = threading.Semaphore(0)  # released whenever a batch is sent

    def run(self) -> None:
        for batch in self.batches:
            self.receipts += self._send(batch)

    def _send(self, batch: list) -> list:
        for _ in range(100):
            self.under_way.release()
            try:
                return self.client.record(*batch, wait_for_ready=True)
            except (Unavailable, DeadlineExceeded):
                continue
        raise AssertionError("billing never came back")


def batches_of(seed: int) -> list:
    """Payments of all kinds; some stand in several batches, and in batches of the other stream."""
    chance = random.Random(seed)
    batches = []
    for _ in range(BATCHES):
        numbers = [chance.randrange(600) for _ in range(chance.randint(1, 8))]
        batches.append([payment(f"T{n}", ACCOUNTS[n % 7], 50_000 + n * 1_000) for n in numbers])
    return batches


def test_every_payment_counts_once_however_often_billing_is_killed(desk: Desk):
    port = free_port()
    url = desk.engine.url.render_as_string(hide_password=False)
    connected, client = connect(port)
    streams = [Stream(client, batches_of(seed)) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(stream.run) for stream in streams]
        for _ in range(KILLS):
            with process(url, port):
                grpc.channel_ready_future(connected).result(60)
                for _ in range(random.randint(5, BATCHES // (KILLS + 1))):
                    # The kill comes when some batch was just sent.
                    assert streams[0].under_way.acquire(timeout=60)
        with process(url, port):
            for one in done:
                one.result(120)
    connected.close()
    check(desk, streams)


def check(desk: Desk, streams: list[Stream]) -> None:
    sent = {one.trans_id: one for stream in streams for batch in stream.batches for one in batch}
    stored = {row.TransID: row for row in desk.rows(paybill_payments)}
    assert stored.keys() == sent.keys()
    assert all(stored[trans_id].TransAmount == one.amount_cents for trans_id, one in sent.items())
    desk.check_books()
    answered = {receipt.trans_id: receipt.outcome for stream in streams for receipt in stream.receipts}
    assert answered.keys() == sent.keys()
    with_line = {"0949AQ", "77XY"}
    paid = [row for row in stored.values() if row.outcome == "customer_paid" and row.BillRefNumber in with_line]
    assert len(desk.rows(tasks, kind="set_access")) == len(paid) > 0
    Dispatcher(desk).run()
    assert {desk.customer(account).status for account in with_line} == {"active"}
