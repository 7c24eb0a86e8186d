"""The whole system on free ports with one ISP and its customers, for one scenario: real processes, a schema of its own.

Between billing and MySQL stands the proxy. Everything else is as `make run` has it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chaos import accounts, disk
from chaos.background import Background
from chaos.callbacks import SHORTCODE, Callback, Callbacks
from chaos.mysqld import Mysqld
from chaos.ports import free_port
from chaos.proxy import MysqlProxy
from chaos.sender import Attempt, Doors, Sender
from chaos.simulated import Routers, TextSms
from deploy.local import certificates, settings
from deploy.local.environment import METRICS_PORTS, of_service
from deploy.local.processes import Process, answering
from deploy.local.system import System

_PORTS = (
    "REJESHA_GATEWAY_PORT", settings.DISPATCHER_PORT, "REJESHA_BILLING_PORT", "REJESHA_ROUTER_CONTROL_PORT",
    "REJESHA_NOTIFY_PORT", *METRICS_PORTS.values(),
)  # fmt: skip


class NotDrained(Exception):
    """Work was left over when the time was up; the text says which."""


@dataclass(frozen=True)
class Plan:
    """What a scenario needs. `modules`: which Python module runs instead of a service's own. `alterations`: SQL that
    spoils the schema, for a control run. `second_gateway`: its role, if there is one. `spool_bytes`: the size of the
    file system under the spool.
    """

    routers: int = 3
    customers: int = 60
    modules: Mapping[str, str] = field(default_factory=dict)
    alterations: Sequence[str] = ()
    second_gateway: str = ""
    spool_bytes: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


class Stage:
    """One scenario's system. `state`: a directory for logs, the sender's log and the simulators' files."""

    def __init__(self, plan: Plan, mysqld: Mysqld, background: Background, state: Path, seed: str) -> None:
        self.plan = plan
        self.mysqld = mysqld
        self.background = background
        self.state = state
        self.dice = Random(seed)  # noqa: S311  # repeatable, guards nothing
        state.mkdir(parents=True)
        self.customers = accounts.customers(plan.customers, plan.routers)
        self.callbacks = Callbacks(self.dice, "CH", self.customers)
        self.routers = Routers(plan.routers, self.customers, state)
        self.textsms = TextSms(state)
        self.proxy = MysqlProxy(free_port(), mysqld.port)
        self._schema = f"chaos_{time.time_ns()}"
        self.engine = sa.create_engine(mysqld.create_schema(self._schema), pool_pre_ping=True)

    @contextmanager
    def running(self) -> Iterator["Stage"]:
        """Everything up and ready; down again at the end, whatever happened."""
        self.background.do(self.proxy.start())
        with disk.small(self.state / "spool", self.plan.spool_bytes):
            self.system = self._system()
            try:
                self._start()
                yield self
            finally:
                self.system.stop()
                self.background.do(self.proxy.stop())
                self.engine.dispose()

    def __getitem__(self, name: str) -> Process:
        return self.system.processes[name]

    def _start(self) -> None:
        self.system.migrate()
        with self.engine.begin() as connection:
            for statement in self.plan.alterations:
                connection.exec_driver_sql(statement)
        self.system.start_processes()
        accounts.create(self.system.values, self.routers.ports(), self.customers)
        ports = [self.system.values["REJESHA_GATEWAY_PORT"]]
        if self.plan.second_gateway in {"both", "intake"}:
            ports.append(self._second_port)
        secret = self.plan.environment.get("REJESHA_CALLBACK_SECRETS", "")
        self.sender = Sender(Doors([int(port) for port in ports]), self.state / "sender.jsonl", secret=secret)

    def _system(self) -> System:
        given = {port: str(free_port()) for port in _PORTS} | self.textsms.settings
        given |= {
            "REJESHA_VAR": str(self.state),
            "REJESHA_DEMO": "false",
            "REJESHA_SANDBOX": "true",
            "REJESHA_LOG_FORMAT": "json",
            "REJESHA_ADMIN_PHONES": accounts.ADMIN,
            # Each message is asked for by itself.
            "REJESHA_STAFF_MESSAGES_PER_HOUR": "0",
            "REJESHA_RECEIPTS_PER_HOUR": "0",
            "REJESHA_PART_PAYMENTS_PER_HOUR": "0",
            "REJESHA_SHORTCODES": SHORTCODE,
            "REJESHA_DATABASE_URL": self.mysqld.url(self._schema),
            "REJESHA_BILLING_DATABASE_URL": self.mysqld.url(self._schema, self.proxy.port),
            "REJESHA_GATEWAY_SPOOL": str(self.state / "spool"),
        }
        system = System(settings.complete(given | dict(self.plan.environment)))
        simulators = {process.name: process for process in (self.routers.process, self.textsms.process)}
        system.processes = simulators | system.processes
        if self.plan.second_gateway:
            system.processes["gateway-2"] = self._second_gateway(system)
        for name, module in self.plan.modules.items():
            system.processes[name].command = [module]
            if name == "dispatcher" and self.plan.second_gateway:
                system.processes["gateway-2"].command = [module]
        return system

    def _second_gateway(self, system: System) -> Process:
        self._second_port = str(free_port())
        certificates.issue_to_gateway(self.state / "certificates", self.plan.second_gateway, "gateway-2")
        values = of_service("gateway", system.values) | {
            "REJESHA_GATEWAY_PORT": self._second_port,
            "REJESHA_GATEWAY_ROLE": self.plan.second_gateway,
            "REJESHA_GATEWAY_SPOOL": str(self.state / "spool-2"),
            "REJESHA_METRICS_PORT": "",
            **certificates.own(system.values, "gateway-2"),
        }
        ready = answering(f"http://127.0.0.1:{self._second_port}/readyz")
        return Process("gateway-2", ["gateway"], values, self.state / "log" / "gateway-2.log", ready)

    @contextmanager
    def load(self, rate: float, callbacks: Iterator[Callback] | None = None) -> Iterator[None]:
        """Payments at so many a second for as long as the block runs."""
        stopped = False
        stream = callbacks or self.callbacks.mixed()
        watching = self.background.begin(self.sender.doors.watch()) if len(self.sender.doors.ports) > 1 else None
        pouring = self.background.begin(self.sender.pour(stream, rate=rate, until=lambda: stopped))
        try:
            yield
        finally:
            stopped = True
            pouring.result(60)
            if watching:
                watching.cancel()

    def drain(self, seconds: float = 900) -> float:
        """Wait until nothing waits any more, after all is healed; how many seconds that took. Raises NotDrained."""
        began = time.monotonic()
        while left := self._waiting():
            if time.monotonic() - began > seconds:
                raise NotDrained(f"after {seconds:.0f} s there were still {left}")
            time.sleep(0.25)
        return time.monotonic() - began

    def wait_until(self, check: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for something that the system does by itself. Raises NotDrained."""
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                raise NotDrained(f"did not come true within {seconds:.0f} s")
            time.sleep(0.1)

    def _waiting(self) -> dict[str, int]:
        counted = {
            "tasks": "SELECT count(*) FROM tasks WHERE state = 'open'",
            "messages": "SELECT count(*) FROM messages WHERE state IN ('QUEUED', 'SENDING')",
        }
        with self.engine.connect() as connection:
            left = {name: int(connection.exec_driver_sql(query).scalar_one()) for name, query in counted.items()}
        left["spooled"] = self.spooled() or 0
        return {name: number for name, number in left.items() if number}

    def pay(self, count: int, rate: float) -> list[Attempt]:
        """So many payments of every kind at so many a second; the attempts, when all are answered."""
        before = len(self.sender.attempts)
        self.background.do(self.sender.pour(self.callbacks.mixed(), rate=rate, until=lambda: False, most=count))
        return self.sender.attempts[before:]

    def spooled(self) -> int | None:
        """How many callbacks wait in the gateway's spool; None when it has none."""
        body = self.health()
        return int(body["spool"]["waiting"]) if "spool" in body else None

    def health(self) -> dict[str, Any]:
        """What the gateway says of the system."""
        url = f"http://127.0.0.1:{self.system.values['REJESHA_GATEWAY_PORT']}/health"
        return dict(httpx.get(url, timeout=10).json())

    def query(self, statement: str) -> Sequence[Any]:
        """Rows of the scenario's schema, read past the proxy, again when MySQL was killed meanwhile."""
        try:
            return self._query(statement)
        except DBAPIError:
            self.mysqld.wait()
            return self._query(statement)

    def _query(self, statement: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(statement).all()
