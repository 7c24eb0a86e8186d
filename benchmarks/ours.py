"""Our side: the four services as real processes, simulated routers and a simulated SMS provider, and what a case needs
to know of them from outside.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
from rejesha.router_control.v1 import router_control_service_pb2 as routers
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub

from benchmarks import accounts
from benchmarks.machine import CpuMeter, resident_mb
from benchmarks.mysql_server import MySqlServer
from benchmarks.ports import free_ports
from deploy.local import settings
from deploy.local.certificates import connected
from deploy.local.environment import METRICS_PORTS
from deploy.local.processes import Process, answering
from deploy.local.system import System

SCHEMA = "rejesha"
ADMINS = ("254700000001", "254700000002")
PASSWORD = "benchmark"  # noqa: S105  # of simulated routers
SERVICES = ("gateway", "dispatcher", "billing", "router-control", "notify")
# Routers that serve the paying customers, and two of their own for the case of a router that comes back.
TOWERS, RETURNING = 4, 2
_ACCESS_PER_CALL = 1000
# Which tasks are open, by kind as well, as the index has it; and which messages the provider has not got.
OPEN_TASKS = "kind IN ('set_access', 'send_messages') AND state = 'open'"
UNSENT_MESSAGES = "state IN ('QUEUED', 'SENDING')"


class NotDrained(Exception):
    """Tasks or messages were still open when the time for them was over."""


class Ours:
    """Rejesha on a MySQL schema of its own. `given`: settings that a run is to have besides, or instead."""

    def __init__(
        self, mysql: MySqlServer, state: Path, size: "accounts.Size", given: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.mysql, self.size = mysql, size
        self._ports = free_ports(7 + 1 + TOWERS + 1 + RETURNING + len(METRICS_PORTS))
        self.values = settings.complete({**self._settings(state), **given})
        self.system = System(self.values)
        self.towers = self._simulator("towers", self._ports[8 : 8 + TOWERS], self._ports[7], ("HW", "MW"))
        returning = self.returning_ports
        self.returning = self._simulator("returning", returning, self._ports[8 + TOWERS], ("RC",))
        self._textsms = self._process(
            "textsms", ["simulators.textsms", "--port", str(self._ports[6]), "--credits", "1000000000"],
            f"{self.sms_api}/faults",
        )  # fmt: skip

    @property
    def port(self) -> int:
        """The gateway's."""
        return self._ports[0]

    @property
    def sms_api(self) -> str:
        """The simulated SMS provider's address; the predecessor sends there as well."""
        return f"http://127.0.0.1:{self._ports[6]}"

    @property
    def returning_ports(self) -> list[int]:
        return self._ports[8 + TOWERS + 1 : -len(METRICS_PORTS)]

    def start(self) -> None:
        """Start everything and create ISPs, routers and customers through the RPCs that an operator uses."""
        self.mysql.create(SCHEMA)
        for simulator in (self.towers, self.returning, self._textsms):
            simulator.start()
        for simulator in (self.towers, self.returning, self._textsms):
            simulator.wait_ready()
        self.system.start()
        self.router_ids = self._create_routers()
        self.at_rest = {name: round(resident_mb(pid), 1) for name, pid in self.pids()}
        accounts.create(connected(self.values, "billing"), self.size, self.router_ids)

    def stop(self) -> None:
        self.system.stop()
        for simulator in (self.towers, self.returning, self._textsms):
            simulator.stop()

    def pids(self) -> Iterator[tuple[str, int]]:
        """The services, MySQL, and the outside world that is simulated beside them."""
        for name in SERVICES:
            yield name, self.system.processes[name].pid
        yield "mysqld", self.mysql.pid
        yield "simulated routers", self.towers.pid
        yield "simulated SMS provider", self._textsms.pid

    def cpu(self) -> CpuMeter:
        return CpuMeter(self.pids())

    def number(self, sql: str, *arguments: object) -> int:
        return self.mysql.number(SCHEMA, sql, *arguments)

    def recorded(self, prefix: str) -> int:
        """How many payments of a load are stored with an outcome."""
        return self.number(
            "SELECT COUNT(*) FROM paybill_payments WHERE TransID LIKE %s AND outcome IS NOT NULL", f"{prefix}%"
        )

    def open_work(self) -> int:
        """How many tasks are open and messages not with the provider yet."""
        tasks = self.number(f"SELECT COUNT(*) FROM tasks WHERE {OPEN_TASKS}")
        return tasks + self.number(f"SELECT COUNT(*) FROM messages WHERE {UNSENT_MESSAGES}")

    def drain(self, seconds: float = 900) -> float:
        """Wait until nothing is open; how long it took. Raises NotDrained."""
        began = time.monotonic()
        # Whether there is any, not how many: to look is not to slow down what is looked at.
        tasks = f"EXISTS (SELECT 1 FROM tasks WHERE {OPEN_TASKS})"
        while self.number(f"SELECT {tasks} OR EXISTS (SELECT 1 FROM messages WHERE {UNSENT_MESSAGES})"):
            if time.monotonic() - began > seconds:
                raise NotDrained(f"{self.open_work()} tasks and messages were open after {seconds:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began

    def disable(self, suffix: str, count: int) -> None:
        """Switch lines off on their routers, so that the next payment has something to turn on."""
        names: dict[int, list[str]] = {}
        for number in range(count):
            router_id = accounts.router_of(suffix, number, self.router_ids)
            names.setdefault(router_id, []).append(f"{number:04d}{suffix}")
        for router_id, usernames in names.items():
            self.disable_on(router_id, usernames)

    def disable_on(self, router_id: int, usernames: list[str]) -> None:
        """Switch lines off on one router."""
        with connected(self.values, "router-control") as channel:
            stub = RouterControlServiceStub(channel)
            for start in range(0, len(usernames), _ACCESS_PER_CALL):
                changes = [
                    routers.AccessChange(username=name, access=routers.ACCESS_DISABLED)
                    for name in usernames[start : start + _ACCESS_PER_CALL]
                ]
                request = routers.SetAccessRequest(router_id=router_id, changes=changes)
                answer = stub.SetAccess(request, timeout=60)
                wrong = [result.outcome for result in answer.results if result.access != routers.ACCESS_DISABLED]
                if wrong:
                    raise AssertionError(f"{len(wrong)} lines could not be switched off: {set(wrong)}")

    def delay_routers(self, seconds: float, *, router: int | None = None) -> None:
        """Let every command on the towers, or on one of the returning routers, take so much longer."""
        control = self._ports[7] if router is None else self._ports[8 + TOWERS]
        for index in range(TOWERS) if router is None else (router,):
            url = f"http://127.0.0.1:{control}/faults"
            httpx.post(f"{url}/clear?router={index}").raise_for_status()
            if seconds:
                body = {"mode": "delay", "seconds": seconds}
                httpx.post(f"{url}?router={index}", json=body).raise_for_status()

    def refuse(self, router: int) -> None:
        """Let one of the returning routers refuse all connections; `delay_routers` ends it."""
        url = f"http://127.0.0.1:{self._ports[8 + TOWERS]}/faults?router={router}"
        httpx.post(url, json={"mode": "refuse"}).raise_for_status()

    def _settings(self, state: Path) -> Mapping[str, str]:
        ports = dict(
            zip(
                (
                    "REJESHA_GATEWAY_PORT",
                    "REJESHA_BILLING_PORT",
                    "REJESHA_ROUTER_CONTROL_PORT",
                    "REJESHA_NOTIFY_PORT",
                    settings.DISPATCHER_PORT,
                ),
                map(str, self._ports),
                strict=False,
            )
        )
        ports |= dict(zip(METRICS_PORTS.values(), map(str, self._ports[-len(METRICS_PORTS) :]), strict=True))
        return ports | {
            settings.STATE_DIRECTORY: str(state),
            settings.DEMO: "false",
            "REJESHA_SANDBOX": "true",
            "REJESHA_LOG_FORMAT": "json",
            "REJESHA_DATABASE_URL": self.mysql.url(SCHEMA),
            "REJESHA_ADMIN_PHONES": ",".join(ADMINS),
            # As many as the predecessor sends.
            "REJESHA_STAFF_MESSAGES_PER_HOUR": "0",
            "REJESHA_RECEIPTS_PER_HOUR": "0",
            "REJESHA_PART_PAYMENTS_PER_HOUR": "0",
            "REJESHA_TEXTSMS_URL": f"{self.sms_api}/api/services/",
            "REJESHA_TEXTSMS_API_KEY": "benchmark",
            "REJESHA_TEXTSMS_PARTNER_ID": "1",
            "REJESHA_TEXTSMS_SHORTCODE": "REJESHA",
        }

    def _simulator(self, name: str, ports: list[int], control: int, suffixes: tuple[str, ...]) -> Process:
        """A process of its own with some routers; each holds a disabled secret for every customer."""
        flags = ["--port", str(ports[0]), "--routers", str(len(ports)), "--control-port", str(control)]
        flags += ["--user", "rejesha", "--password", PASSWORD]
        for suffix in suffixes:
            for number in range(self.size.of(suffix)):
                flags += ["--secret", f"{number:04d}{suffix}:disabled"]
        return self._process(name, ["simulators.routeros", *flags], f"http://127.0.0.1:{control}/")

    def _process(self, name: str, command: list[str], url: str) -> Process:
        log = self.system.state / "log" / f"{name}.log"
        return Process(name, command, {}, log, answering(url))

    def _create_routers(self) -> list[int]:
        ports = [*self._ports[8 : 8 + TOWERS], *self.returning_ports]
        with connected(self.values, "router-control") as channel:
            stub = RouterControlServiceStub(channel)
            return [stub.CreateRouter(_router(number, port)).router.router_id for number, port in enumerate(ports)]


def _router(number: int, port: int) -> routers.CreateRouterRequest:
    router = routers.Router(
        name=f"Tower {number}", address="127.0.0.1", port=port, username="rejesha", password=PASSWORD
    )
    return routers.CreateRouterRequest(router=router)
