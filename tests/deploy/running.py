"""An installation in containers, as `make up` starts it, seen from outside."""

import json
import os
import secrets
import signal
import ssl
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import routeros_api
import sqlalchemy as sa
from billing.schema import notice_tallies, paybill_payments, tasks
from routeros_api.exceptions import RouterOsApiConnectionError

from chaos.ports import free_port
from deploy.demo import ROUTER_PASSWORD
from servicekit import engines

ROOT = Path(__file__).parents[2]
# What is asked of a registry by default is built from Debian's packages: nothing can be pulled where tests run.
FILES = "compose.yaml:compose.debian.yaml"
# Each checkout's tests have images of their own: they take nobody's away, nor do their neighbours' take theirs.
TAG = f"test-{zlib.crc32(str(ROOT).encode()):08x}"


def image(name: str) -> str:
    """Of the images that were built for the tests, the one of this name, such as "gateway"."""
    return f"rejesha/{name}:{TAG}"


@dataclass(frozen=True)
class Installation:
    """`home`: where its settings and secrets are; `environment`: with which its compose file is read.

    `started_in`: from `make up` to the first accepted payment, in seconds.
    """

    home: Path
    environment: dict[str, str]
    started_in: float = 0.0

    def make(self, target: str, **variables: str) -> None:
        """`make up`, `make down`."""
        self.run("make", target, *(f"{name}={value}" for name, value in variables.items()))

    def run(self, *command: str) -> None:
        """A command as the operator gives it, from the checkout's root, but without a terminal."""
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdin=subprocess.DEVNULL)

    def compose(self, *arguments: str) -> str:
        """What `docker compose …` prints."""
        command = ["docker", "compose", "--env-file", str(self.home / ".env"), *arguments]
        return subprocess.run(
            command, cwd=ROOT / "deploy", env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def containers(self, service: str) -> list[dict[str, Any]]:
        """What the engine knows of a service's replicas, in their order."""
        ids = self.compose("ps", "--quiet", service).split()
        found = json.loads(subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True).stdout)
        return sorted(found, key=lambda one: str(one["Name"]))

    def address(self, service: str, network: str) -> str:
        """A service's address on a network, as this machine reaches it."""
        (container,) = self.containers(service)
        networks = container["NetworkSettings"]["Networks"]
        return str(networks[f"{self.environment['COMPOSE_PROJECT_NAME']}_{network}"]["IPAddress"])

    def crash(self, service: str) -> None:
        """Let a service's process die of SIGKILL, without the engine having been asked to."""
        (container,) = self.containers(service)
        os.kill(container["State"]["Pid"], signal.SIGKILL)

    def secret(self, name: str) -> str:
        return (self.home / "secrets" / name).read_text()

    @cached_property
    def http(self) -> httpx.Client:
        """A client at the published port, which believes the proxy's certificate and no other."""
        context = ssl.create_default_context(cafile=str(self.home / "certificates" / "proxy" / "certificate.pem"))
        url = f"https://localhost:{self.environment['REJESHA_PORT']}"
        headers = {"Authorization": f"Bearer {self.secret('api-token')}"}
        return httpx.Client(base_url=url, verify=context, headers=headers, timeout=30, trust_env=False)

    def pay(self, reference: str, trans_id: str = "", **headers: str) -> httpx.Response:
        body = {
            "TransactionType": "Pay Bill",
            "TransID": trans_id or new_id(),
            "TransTime": "20261123101500",
            "TransAmount": "1000.00",
            "BusinessShortCode": "600100",
            "BillRefNumber": reference,
            "MSISDN": "254712000001",
            "FirstName": "JANE",
        }
        return self.http.post(f"/callbackprocess/{self.secret('callback-secrets')}", json=body, headers=headers)

    def is_accepted(self, reference: str, trans_id: str) -> bool:
        """Pay as M-Pesa does that sends again what nobody answered."""
        try:
            return self.pay(reference, trans_id).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    @contextmanager
    def router(self) -> Iterator[Any]:
        """The simulated router's secrets, by a client that is not ours."""
        pool = routeros_api.RouterOsApiPool(
            self.address("router", "outside"), "rejesha", ROUTER_PASSWORD, plaintext_login=True
        )
        try:
            yield pool.get_api().get_resource("/ppp/secret")
        finally:
            pool.disconnect()

    def is_enabled(self, username: str) -> bool:
        """Whether a line is on; no while the router does not answer."""
        try:
            with self.router() as lines:
                return bool(lines.get(name=username)[0]["disabled"] == "false")
        except RouterOsApiConnectionError:
            return False

    def disable(self, username: str) -> None:
        with self.router() as lines:
            lines.set(id=lines.get(name=username)[0]["id"], disabled="yes")

    def told(self, trans_id: str) -> dict[str, Any]:
        """Everything that the gateway tells of a payment."""
        answer = self.http.get(f"/payments/{trans_id}")
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    @contextmanager
    def tables(self, whose: str = "database-url") -> Iterator[sa.Connection]:
        """A connection of the user whom a secret names."""
        url = self.secret(whose).replace("@mysql/", f"@{self.address('mysql', 'data')}/")
        engine = engines.create_engine(url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def open_tasks(self) -> int:
        """How many tasks are not done; but the digests of throttled notices, which wait for the hour's end."""
        digests = sa.select(notice_tallies.c.digest_id).where(notice_tallies.c.digest_id.is_not(None))
        waits = (tasks.c.state == "open") & tasks.c.id.not_in(digests)
        with self.tables() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(tasks).where(waits)).scalar_one()

    def recorded(self) -> set[str]:
        """The TransIDs of all payments that have an outcome."""
        with self.tables() as connection:
            query = sa.select(paybill_payments.c.TransID).where(paybill_payments.c.outcome.is_not(None))
            return set(connection.execute(query).scalars())

    def check_books(self) -> None:
        """Each wallet is the sum of its transfers, and so on."""
        assert "The books are right" in self.compose("run", "--rm", "--no-deps", "rejesha", "ledger", "check")


def new_id() -> str:
    return secrets.token_hex(5).upper()


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `check` is true; its last value."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.1)
    return value


@contextmanager
def trial(home: Path) -> Iterator[Installation]:
    """`make up TRY=1` beside whatever else runs here; nothing of it is left."""
    project = f"rejesha-test-{secrets.token_hex(3)}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REJESHA_", "COMPOSE_"))}
    environment |= {
        "COMPOSE_PROJECT_NAME": project,
        "COMPOSE_FILE": FILES,
        "REJESHA_HOME": str(home),
        "REJESHA_VERSION": TAG,
        "REJESHA_PORT": f"{free_port()}",
        "REJESHA_PROMETHEUS_PORT": f"{free_port()}",
        "REJESHA_ALERTMANAGER_PORT": f"{free_port()}",
        "REJESHA_FRONT": f"10.214.{secrets.randbelow(256)}",
    }
    installation = Installation(home, environment)
    try:
        installation.make("images")
        began = time.monotonic()
        installation.make("up", TRY="1")
        eventually(lambda: installation.is_accepted("ACC001", new_id()))
        yield replace(installation, started_in=time.monotonic() - began)
    finally:
        installation.compose("--profile", "*", "down", "--volumes", "--timeout", "5")
