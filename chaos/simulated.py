"""The simulated routers and the simulated SMS provider: started, broken, healed and read from outside."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from chaos.callbacks import Customer
from chaos.ports import free_port
from deploy.local.processes import Process, answering

USER = "rejesha"
PASSWORD = "sandbox"  # noqa: S105  # of simulated routers


class Routers:
    """Some routers in one process; every one of them knows every customer, disabled at first."""

    def __init__(self, count: int, customers: Sequence[Customer], state: Path) -> None:
        self.count = count
        self.url = f"http://127.0.0.1:{(control := free_port())}"
        flags = ["--port", "0", "--control-port", str(control), "--routers", str(count)]
        flags += ["--user", USER, "--password", PASSWORD]
        for customer in customers:
            flags += ["--secret", f"{customer.account}:disabled"]
        self.process = Process(
            "routers", ["simulators.routeros", *flags], {}, state / "log" / "routers.log", answering(f"{self.url}/")
        )

    def ports(self) -> list[int]:
        """The API ports, in the order of the routers."""
        return [int(router["port"]) for router in httpx.get(self.url).raise_for_status().json()]

    def break_one(self, router: int, mode: str, **options: Any) -> None:
        """Put a fault in force on one router; see simulators/routeros/faults.py."""
        httpx.post(f"{self.url}/faults?router={router}", json={"mode": mode, **options}).raise_for_status()

    def break_all(self, mode: str, **options: Any) -> None:
        """Put a fault in force on every router."""
        for router in range(self.count):
            self.break_one(router, mode, **options)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        for router in range(self.count):
            httpx.post(f"{self.url}/faults/clear?router={router}").raise_for_status()

    def enabled(self, router: int) -> set[str]:
        """The names of a router's enabled secrets."""
        secrets = httpx.get(f"{self.url}/secrets?router={router}", timeout=30).raise_for_status().json()
        return {secret["name"] for secret in secrets if secret["disabled"] == "false"}


class TextSms:
    """The provider, its inbox and its faults."""

    def __init__(self, state: Path) -> None:
        self._root = f"http://127.0.0.1:{(port := free_port())}"
        flags = ["--port", str(port), "--state-file", str(state / "inbox.jsonl")]
        self.process = Process(
            "textsms",
            ["simulators.textsms", *flags],
            {},
            state / "log" / "textsms.log",
            answering(f"{self._root}/faults"),
        )

    @property
    def settings(self) -> dict[str, str]:
        """What notify needs to use it."""
        return {
            "REJESHA_TEXTSMS_URL": f"{self._root}/api/services/",
            "REJESHA_TEXTSMS_API_KEY": "sandbox",
            "REJESHA_TEXTSMS_PARTNER_ID": "1",
            "REJESHA_TEXTSMS_SHORTCODE": "REJESHA",
            # A short one, so that a claim left by a killed sender runs out soon.
            "REJESHA_TEXTSMS_DEADLINE": "2",
        }

    def break_it(self, kind: str, **options: Any) -> None:
        """Put a fault in force; see simulators/textsms/faults.py."""
        httpx.post(f"{self._root}/faults", json={"kind": kind, **options}).raise_for_status()

    def heal(self) -> None:
        """Take all faults back."""
        httpx.delete(f"{self._root}/faults").raise_for_status()

    def inbox(self) -> "Counter[tuple[str, str]]":
        """How often each text reached each number."""
        messages = httpx.get(f"{self._root}/inbox", timeout=60).raise_for_status().json()
        return Counter((message["mobile"], message["message"]) for message in messages)
