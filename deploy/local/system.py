"""The system's processes in the order in which they depend on each other."""

from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local import settings
from deploy.local.processes import Process, answering, serving

DEMO_ROUTER_PASSWORD = "sandbox"  # noqa: S105  # of a simulated router
DEMO_ACCOUNTS = ("0949AQ", "0950AR", "0951AS")


class System:
    """All processes of a local run. `values`: complete settings, see `settings.complete`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.state = Path(values[settings.STATE_DIRECTORY]).absolute()
        self.processes = {process.name: process for process in [*self._simulators(), *self._services()]}

    def start(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Migrate, then start everything and wait until it is ready; see `start_processes`. Raises NotReady."""
        self.migrate()
        self.start_processes(prepare)

    def migrate(self) -> None:
        """Bring every service's tables up to date. Raises NotReady."""
        for module in ("billing", "router_control", "notify"):
            self._process(f"{module}-migrate", [module, "migrate"]).run()

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
        values = self.values
        gateway = f"http://127.0.0.1:{values['LIPANET_GATEWAY_PORT']}"
        return [
            self._process("billing", ["billing"], serving(values["LIPANET_BILLING_TARGET"])),
            self._process("router-control", ["router_control"], serving(values["LIPANET_ROUTER_CONTROL_TARGET"])),
            self._process("notify", ["notify"], serving(values["LIPANET_NOTIFY_TARGET"])),
            self._process("gateway", ["gateway"], answering(f"{gateway}/readyz")),
        ]

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
        flags += [
            "--user",
            "lipanet",
            "--password",
            DEMO_ROUTER_PASSWORD,
            "--state-file",
            str(self.state / "router.json"),
        ]
        for account in DEMO_ACCOUNTS:
            flags += ["--secret", f"{account}:disabled"]
        url = f"http://127.0.0.1:{control}/secrets"
        return self._process("router", ["simulators.routeros", *flags], answering(url))

    def _textsms(self) -> Process:
        port = self.values[settings.DEMO_TEXTSMS_PORT]
        flags = ["--port", port, "--state-file", str(self.state / "sms-inbox.json")]
        return self._process("textsms", ["simulators.textsms", *flags], answering(f"http://127.0.0.1:{port}/inbox"))

    def _process(self, name: str, command: list[str], ready: Callable[[], bool] = lambda: True) -> Process:
        return Process(name, command, self.values, self.state / "log" / f"{name}.log", ready)
