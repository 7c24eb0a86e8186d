"""Starts the whole system on this machine and keeps it up until Ctrl-C; `make run`."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.demo import DemoRefused
from deploy.local import demo, ports, settings, state
from deploy.local.environment import METRICS_PORTS
from deploy.local.processes import NotReady
from deploy.local.system import System
from deploy.local.watching import Watch


def main() -> int:
    argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__).parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with state.taken(settings.state_directory(os.environ)):
            return _run(settings.complete(os.environ), stop)
    except settings.Incomplete as error:
        return _say(2, *error.faults)
    except state.StateUnusable as error:
        return _say(1, f"{settings.STATE_DIRECTORY}: {error}")
    except (NotReady, DemoRefused) as error:
        return _say(1, str(error))


def _say(code: int, *sentences: str) -> int:
    for sentence in sentences:
        print(f"rejesha: {sentence}", file=sys.stderr)
    return code


def _run(values: Mapping[str, str], stop: threading.Event) -> int:
    """Start, and keep it up until told to stop. Where something stands in the way, nothing is started or migrated."""
    if obstacles := ports.obstacles(settings.addresses(values)):
        return _say(1, *obstacles)
    if settings.is_demo(values) and settings.has_given_database(os.environ):
        demo.refuse_business(settings.billing_database(values))
    system = System(values)
    try:
        system.start(lambda: _prepare(values))
        state.write(system.state / "run.env", _run_env(values))
        print(_banner(values, system.state), flush=True)
        watch = Watch(system.processes.values())
        while not stop.wait(0.5):
            watch.look()
    finally:
        system.stop()
    return 0


def _prepare(values: Mapping[str, str]) -> None:
    if settings.is_demo(values):
        demo.create(values)


def _gateway_url(values: Mapping[str, str]) -> str:
    return f"http://{settings.url_host(values)}:{values['REJESHA_GATEWAY_PORT']}"


def _run_env(values: Mapping[str, str]) -> str:
    """For `rejesha`: where everything is, and what its `migrate` and `doctor` need to look at it."""
    lines = [f"{name}={value}" for name, value in sorted(values.items()) if name.startswith("REJESHA_")]
    return "\n".join([f"REJESHA_GATEWAY_URL={_gateway_url(values)}", *lines, ""])


def _banner(values: Mapping[str, str], directory: Path) -> str:
    gateway = _gateway_url(values)
    secret = values.get("REJESHA_CALLBACK_SECRETS", "").split(",")[0].strip()
    callback = f"{gateway}/callbackprocess" + (f"/{secret}" if secret else "")
    lines = [
        "",
        "Rejesha is up. Ctrl-C stops it.",
        "",
        f"  payments     {callback}",
        f"  API          {gateway}/docs   health {gateway}/health",
        f"  API token    {values.get('REJESHA_API_TOKEN', '(in its file)')}",
        f"  database     {_databases(values)}",
        f"  metrics      {_metrics_urls(values)}",
        f"  logs         {directory}/log/",
    ]
    if settings.is_sandbox(values):
        lines.append("  sandbox      anyone who reaches this machine's port may send payments")
    if settings.is_demo(values):
        lines.append(f"  router       http://127.0.0.1:{values[settings.DEMO_ROUTER_CONTROL_PORT]}/secrets (simulated)")
    if settings.has_simulated_textsms(values):
        lines.append(f"  SMS inbox    http://127.0.0.1:{values[settings.DEMO_TEXTSMS_PORT]}/inbox (simulated)")
    sample = _sample(callback) if settings.is_demo(values) else ["Try it: .venv/bin/rejesha status"]
    return "\n".join([*lines, "", *sample, ""])


def _metrics_urls(values: Mapping[str, str]) -> str:
    """Those of all processes, whose ports stand in a row unless they are set."""
    ports = [values[name] for name in METRICS_PORTS.values()]
    return f"http://{settings.url_host(values)}:{ports[0]}/metrics, and ports {', '.join(ports[1:])}"


def _databases(values: Mapping[str, str]) -> str:
    parts = urlsplit(settings.billing_database(values))
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
        "  .venv/bin/rejesha payment show TKE34A5QM8",
    ]


if __name__ == "__main__":
    sys.exit(main())
