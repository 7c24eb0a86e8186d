"""The system's processes in the order in which they depend on each other."""

from collections.abc import Callable, Mapping
from functools import partial

from deploy import demo
from deploy.local import settings
from deploy.local.certificates import connected
from deploy.local.environment import MIGRATIONS, of_dispatcher, of_migration, of_service
from deploy.local.processes import Process, answering, serving


class System:
    """All processes of a local run. `values`: complete settings, see `settings.complete`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.state = settings.state_directory(values)
        self.processes = {process.name: process for process in [*self._simulators(), *self._services()]}

    def start(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Migrate, then start everything and wait until it is ready; see `start_processes`. Raises NotReady."""
        self.migrate()
        self.start_processes(prepare)

    def migrate(self) -> None:
        """Bring every service's tables up to date. Raises NotReady."""
        for name in MIGRATIONS:
            module = name.replace("-", "_")
            self._process(f"{module}-migrate", [module, "migrate"], of_migration(name, self.values)).run()

    def start_processes(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Start everything and wait until it is ready. Raises NotReady.

        `prepare` is called before the gateway starts: a payment that came earlier would find nobody to pay for.
        """
        *others, gateway = self.processes.values()
        for process in others:
            process.start()
        for process in others:
            process.wait_ready()
        prepare()
        gateway.start()
        gateway.wait_ready()

    def stop(self) -> None:
        """Stop everything, what depends on others first."""
        for process in reversed(self.processes.values()):
            process.stop()

    def _services(self) -> list[Process]:
        return [
            *(
                self._service(name, serving(partial(connected, self.values, name)))
                for name in ("billing", "router-control", "notify")
            ),
            *([self._dispatcher()] if settings.has_dispatcher(self.values) else []),
            self._service("gateway", self._is_ready(self._port("GATEWAY"))),
        ]

    def _dispatcher(self) -> Process:
        port = self._port("DISPATCHER")
        environment = of_dispatcher(self.values, str(port))
        return self._process("dispatcher", ["gateway"], environment, self._is_ready(port), port)

    def _is_ready(self, port: int) -> Callable[[], bool]:
        return answering(f"http://{settings.url_host(self.values)}:{port}/readyz")

    def _simulators(self) -> list[Process]:
        simulators = []
        if settings.is_demo(self.values):
            simulators.append(self._router())
        if settings.has_simulated_textsms(self.values):
            simulators.append(self._textsms())
        return simulators

    def _router(self) -> Process:
        control = self.values[settings.DEMO_ROUTER_CONTROL_PORT]
        flags = ["--port", self.values[settings.DEMO_ROUTER_PORT], "--control-port", control]
        flags += ["--user", "rejesha", "--password", demo.ROUTER_PASSWORD]
        flags += ["--state-file", str(self.state / "router.json")]
        for account in demo.ACCOUNTS:
            flags += ["--secret", f"{account}:disabled"]
        ready = answering(f"http://127.0.0.1:{control}/secrets")
        return self._process("router", ["simulators.routeros", *flags], {}, ready, int(control))

    def _textsms(self) -> Process:
        port = self.values[settings.DEMO_TEXTSMS_PORT]
        flags = ["--port", port, "--state-file", str(self.state / "sms-inbox.json")]
        ready = answering(f"http://127.0.0.1:{port}/inbox")
        return self._process("textsms", ["simulators.textsms", *flags], {}, ready, int(port))

    def _service(self, name: str, ready: Callable[[], bool]) -> Process:
        module = name.replace("-", "_")
        port = self._port(module.upper())
        return self._process(name, [module], of_service(name, self.values), ready, port)

    def _port(self, service: str) -> int:
        return int(self.values[f"REJESHA_{service}_PORT"])

    def _process(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        ready: Callable[[], bool] = lambda: True,
        port: int = 0,
    ) -> Process:
        log = self.state / "log" / f"{name}.log"
        return Process(name, command, environment, log, ready, port)
