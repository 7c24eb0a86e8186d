"""A running system, seen from outside."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import routeros_api
import sqlalchemy as sa
from billing.ledger import service as ledger
from billing.schema import paybill_payments, pppoe_users, tasks

from deploy.demo import ROUTER_PASSWORD
from deploy.local import demo, settings
from deploy.local.environment import METRICS_PORTS
from deploy.local.system import System
from servicekit import engines

ADMINS = ("254700000001", "254700000002")
ISP_PHONE = "254711000001"


@dataclass
class Running:
    """A running system, seen from outside: HTTP, an independent RouterOS client, the provider's inbox, the tables."""

    system: System
    http: httpx.Client
    engine: sa.Engine

    def __getitem__(self, name: str):
        return self.system.processes[name]

    def pay(self, reference: str, amount: str = "1000.00", trans_id: str | None = None, **fields) -> httpx.Response:
        body = {
            "TransactionType": "Pay Bill",
            "TransID": trans_id or secrets.token_hex(5).upper(),
            "TransTime": "20261123101500",
            "TransAmount": amount,
            "BusinessShortCode": "600100",
            "BillRefNumber": reference,
            "MSISDN": "2547 ***** 126",
            "FirstName": "JANE",
        }
        return self.http.post("/callbackprocess", json=body | fields)

    def timeline(self, trans_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/payments/{trans_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def is_enabled(self, username: str) -> bool:
        """Read back from the router by a client that is not ours."""
        with self._secrets() as there:
            (secret,) = there.get(name=username)
        return secret["disabled"] == "false"

    def profile(self, username: str) -> str:
        """Likewise."""
        with self._secrets() as there:
            (secret,) = there.get(name=username)
        return str(secret["profile"])

    def switch_off(self, username: str) -> None:
        """As somebody does at the router itself."""
        with self._secrets() as there:
            (secret,) = there.get(name=username)
            there.set(id=secret["id"], disabled="yes")

    @contextmanager
    def _secrets(self) -> Iterator[Any]:
        port = int(self.system.values[settings.DEMO_ROUTER_PORT])
        pool = routeros_api.RouterOsApiPool("127.0.0.1", "rejesha", ROUTER_PASSWORD, port=port, plaintext_login=True)
        try:
            yield pool.get_api().get_resource("/ppp/secret")
        finally:
            pool.disconnect()

    def break_router(self, mode: str, **options) -> None:
        port = self.system.values[settings.DEMO_ROUTER_CONTROL_PORT]
        httpx.post(f"http://127.0.0.1:{port}/faults", json={"mode": mode, **options}).raise_for_status()

    def heal_router(self) -> None:
        port = self.system.values[settings.DEMO_ROUTER_CONTROL_PORT]
        httpx.post(f"http://127.0.0.1:{port}/faults/clear").raise_for_status()

    def inbox(self, mobile: str = "") -> list[str]:
        port = self.system.values[settings.DEMO_TEXTSMS_PORT]
        messages = httpx.get(f"http://127.0.0.1:{port}/inbox").raise_for_status().json()
        return [message["message"] for message in messages if mobile in ("", message["mobile"])]

    def scrape(self, name: str) -> str:
        """What Prometheus reads of a process."""
        port = self.system.values[METRICS_PORTS[name]]
        return httpx.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text

    def one(self, table: sa.Table, **where):
        with self.engine.connect() as connection:
            query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
            return connection.execute(query).one()

    def customer(self, account: str):
        return self.one(pppoe_users, account_name=account)

    def open_tasks(self) -> int:
        with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(tasks).where(tasks.c.state == "open")
            return connection.execute(query).scalar_one()

    def is_all_done(self) -> bool:
        """Whether no payment's task is left; digests belong to none, and wait for the hour's end."""
        left = sa.select(sa.func.count()).where(tasks.c.state == "open", tasks.c.trans_id != "")
        with self.engine.connect() as connection:
            return connection.execute(left).scalar_one() == 0

    def check_books(self) -> None:
        """Transfers sum to wallets, and every payment has one outcome."""
        assert ledger.check(self.engine) == []
        with self.engine.connect() as connection:
            missing = sa.select(paybill_payments.c.TransID).where(paybill_payments.c.outcome.is_(None))
            assert not connection.execute(missing).all()


def eventually(check: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until `check` is true; its last value. For what happens in the background, by polling its effect."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.05)
    return value


def database_of(values: Mapping[str, str]) -> str:
    """Where all tables are, as whoever may read all of them; on SQLite where billing's are."""
    names = ("REJESHA_DATABASE_MIGRATION_URL", "REJESHA_DATABASE_URL", "REJESHA_BILLING_DATABASE_URL")
    return next(values[name] for name in names if name in values)


@contextmanager
def run_system(
    given: Mapping[str, str], state: Path, prepare_start: Callable[[System], None] = lambda _system: None
) -> Iterator[Running]:
    """The whole system with these settings, and with demo data. `prepare_start` may change how processes start."""
    values = settings.complete(given)
    system = System(values)
    prepare_start(system)
    engine = engines.create_engine(database_of(values))
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{values['REJESHA_GATEWAY_PORT']}",
        headers={"Authorization": f"Bearer {values['REJESHA_API_TOKEN']}"},
        timeout=30,
    )

    def prepare() -> None:
        assert not system.processes["gateway"].is_running()  # a payment would find nobody to pay for
        demo.create(values)

    try:
        system.start(prepare)
        yield Running(system, http, engine)
    finally:
        http.close()
        engine.dispose()
        system.stop()
        _complain_about(state)


def _complain_about(state: Path) -> None:
    """No process may have logged an error with a stack trace that nobody expected."""
    for log in sorted((state / "log").glob("*.log")):
        text = log.read_text(errors="replace")
        assert "Traceback" not in text, f"{log.name}:\n{text[-3000:]}"
