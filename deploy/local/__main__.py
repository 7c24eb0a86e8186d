"""Starts the whole system on this machine and keeps it up until Ctrl-C; `make run`."""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import demo, settings
from deploy.local.processes import NotReady, Process
from deploy.local.system import System

# What the operator's command reads from the state directory.
_FOR_THE_COMMAND = (
    "LIPANET_BILLING_TARGET", "LIPANET_ROUTER_CONTROL_TARGET", "LIPANET_NOTIFY_TARGET", "LIPANET_API_TOKEN",
    "LIPANET_CALLBACK_SECRETS",
)  # fmt: skip


def main() -> int:
    values = settings.complete(os.environ)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    system = System(values)
    try:
        system.start(lambda: _prepare(values))
        _write_run_env(values, system.state / "run.env")
        print(_banner(values, system.state), flush=True)
        _watch(system, stop)
    except NotReady as error:
        print(f"lipanet: {error}", file=sys.stderr)
        return 1
    finally:
        system.stop()
    return 0


def _prepare(values: Mapping[str, str]) -> None:
    if settings.is_demo(values):
        demo.create(values)


def _watch(system: System, stop: threading.Event) -> None:
    """Start again whatever dies, as compose or Kubernetes would."""
    while not stop.wait(0.5):
        for process in system.processes.values():
            if not process.is_running():
                _restart(process)


def _restart(process: Process) -> None:
    print(f"lipanet: {process.name} ended with {process.exit_code()}; starting it again", file=sys.stderr, flush=True)
    process.start()


def _gateway_url(values: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{values['LIPANET_GATEWAY_PORT']}"


def _write_run_env(values: Mapping[str, str], path: Path) -> None:
    lines = [f"{name}={values[name]}" for name in _FOR_THE_COMMAND if name in values]
    path.touch(mode=0o600)
    path.write_text("\n".join([f"LIPANET_GATEWAY_URL={_gateway_url(values)}", *lines, ""]))


def _banner(values: Mapping[str, str], state: Path) -> str:
    gateway = _gateway_url(values)
    secret = values.get("LIPANET_CALLBACK_SECRETS", "").split(",")[0].strip()
    callback = f"{gateway}/callbackprocess" + (f"/{secret}" if secret else "")
    lines = [
        "",
        "Lipanet is up. Ctrl-C stops it.",
        "",
        f"  payments     {callback}",
        f"  API          {gateway}/docs   health {gateway}/health",
        f"  API token    {values.get('LIPANET_API_TOKEN', '(in its file)')}",
        f"  database     {_databases(values)}",
        f"  logs         {state}/log/",
    ]
    if settings.is_demo(values):
        lines.append(f"  router       http://127.0.0.1:{values[settings.DEMO_ROUTER_CONTROL_PORT]}/secrets (simulated)")
    if settings.has_simulated_textsms(values):
        lines.append(f"  SMS inbox    http://127.0.0.1:{values[settings.DEMO_TEXTSMS_PORT]}/inbox (simulated)")
    return "\n".join([*lines, "", *_sample(callback), ""])


def _databases(values: Mapping[str, str]) -> str:
    url = values.get("LIPANET_DATABASE_URL") or values.get("LIPANET_BILLING_DATABASE_URL", "")
    parts = urlsplit(url)
    return "embedded SQLite" if parts.scheme == "sqlite" else f"{parts.scheme} at {parts.hostname}"


def _sample(callback: str) -> list[str]:
    return [
        "Pay for a customer's month, and see what happened:",
        "",
        f"  curl -s {callback} -H 'Content-Type: application/json' -d '{{",
        '    "TransactionType": "Pay Bill", "TransID": "TKE34A5QM8", "TransTime": "20261123101500",',
        '    "TransAmount": "1000.00", "BusinessShortCode": "600100", "BillRefNumber": "0949AQ",',
        '    "MSISDN": "2547 ***** 126", "FirstName": "JANE"}\'',
        "",
        "  .venv/bin/lipanet payment show TKE34A5QM8",
    ]


if __name__ == "__main__":
    sys.exit(main())
