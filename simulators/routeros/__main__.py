"""Simulated routers as a process: `python -m simulators.routeros --help`.

Prints one JSON line once it takes connections, and runs until SIGINT or SIGTERM.
"""

import argparse
import json
import signal
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulators.routeros import tls
from simulators.routeros.control import Control, describe
from simulators.routeros.router import Router
from simulators.routeros.server import RouterServer
from simulators.routeros.statefile import BadStateFile
from simulators.routeros.traps import Trap
from simulators.routeros.users import ALL_POLICIES, User
from simulators.routeros.versions import BadVersion

_STOP = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    """Serve until told to stop; exits with 1 and a sentence where it cannot."""
    options = _arguments()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    try:
        with ExitStack() as running:
            servers = [_serve(options, index, running) for index in range(options.routers)]
            ready: dict[str, Any] = {"routers": [describe(server) for server in servers]}
            if options.control_port is not None:
                control = Control(servers, host=options.host, port=options.control_port)
                control.start()
                running.callback(control.stop)
                ready["control_port"] = control.port
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            signal.sigwait(_STOP)
    except (BadStateFile, BadVersion, OSError, Trap) as error:
        sys.exit(f"simulators.routeros: {error}")


def _serve(options: argparse.Namespace, index: int, running: ExitStack) -> RouterServer:
    """Start the router of that index; the ports count up from the first, unless any will do."""
    name = f"router-{index + 1}"
    state: Path | None = options.state_file
    router = Router(
        User(options.user, options.password, frozenset(options.policies.split(","))),
        name=name,
        version=options.version,
        max_sessions=options.max_sessions,
        state_file=state.with_name(f"{state.name}.{name}") if state and options.routers > 1 else state,
    )
    running.callback(router.close)
    known = {secret["name"] for secret in router.secrets()}
    for secret in options.secret:
        wanted, _, state_of_it = secret.partition(":")
        if wanted not in known:
            router.add_secret(wanted, disabled=state_of_it == "disabled")
    return running.enter_context(
        RouterServer(
            router,
            host=options.host,
            port=options.port and options.port + index,
            tls=_tls(options),
            tls_port=options.tls_port and options.tls_port + index,
        )
    )


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.certificate:
        return tls.with_certificate(options.certificate, options.key)
    return tls.anonymous() if options.tls_port is not None else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.routeros", description="Simulated RouterOS routers.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8728, help="API port, 0 = a free one (default: %(default)s)")
    add("--tls-port", type=int, help="API port with TLS, 0 = a free one (default: none)")
    add("--certificate", type=Path, help="PEM file for TLS; without it TLS is anonymous Diffie-Hellman")
    add("--key", type=Path, help="PEM file of the certificate's key, where it is not in the same file")
    add(
        "--control-port", type=int, help="HTTP port to inspect and to break the routers, 0 = a free one (default: none)"
    )
    add("--routers", type=int, default=1, help="how many routers, on consecutive ports (default: %(default)s)")
    add("--version", default="7.20", help="RouterOS version to behave as (default: %(default)s)")
    add("--user", default="rejesha", help="API user (default: %(default)s)")
    add("--password", required=True, help="the user's password")
    add("--policies", default=",".join(sorted(ALL_POLICIES)), help="what the user may do (default: %(default)s)")
    add("--max-sessions", type=int, default=20, help="connections at once (default: %(default)s)")
    add(
        "--secret",
        action="append",
        default=[],
        metavar="NAME[:disabled]",
        help="a PPP secret each router has at first; repeat it; one that the state file knows stays as it is there",
    )
    add("--state-file", type=Path, help="keeps the secrets over a restart (one file per router, .router-N, if several)")
    options = parser.parse_args()
    if options.certificate and options.tls_port is None:
        options.tls_port = 0
    bad = [secret for secret in options.secret if secret.partition(":")[1:] not in ((":", "disabled"), ("", ""))]
    if unknown := set(options.policies.split(",")) - ALL_POLICIES:
        parser.error(f"--policies: {min(unknown)!r} is none of {', '.join(sorted(ALL_POLICIES))}")
    if bad:
        parser.error(f"--secret {bad[0]}: what follows the name can only be ':disabled'")
    return options


if __name__ == "__main__":
    main()
