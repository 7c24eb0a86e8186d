"""`python -m gateway` serves until it is told to stop, `… doctor` tries its settings and its spool's disk.

The only reader of its settings.
"""

import shutil
import signal
import socket
import sys

from servicekit.garbage import collect_seldom
from servicekit.listening import warn_of_plaintext
from servicekit.logs import configure

from gateway.app import Lifecycle, Plan, create_app
from gateway.callbacks.rules import Sources, networks
from gateway.clients.channels import Targets
from gateway.server import Server, configuration, limits_of_this_process, listening
from gateway.settings import GatewaySettings, Role
from gateway.spool.errors import DiskFailed, OldSpool, SpoolInUse
from gateway.spool.sharing import SharedDirectory
from gateway.spool.store import Store
from servicekit import doctor, scraping, tracing


def main() -> None:
    match sys.argv[1:]:
        case []:
            serve(GatewaySettings.load())
        case ["doctor"]:
            sys.exit(examine())
        case _:
            sys.exit("usage: python -m gateway [doctor]; it has no database to migrate")


def examine() -> int:
    faults = GatewaySettings.faults()
    disk = [] if faults else [check_disk(GatewaySettings.load())]
    return doctor.report([*doctor.of_settings(faults), *disk])


def check_disk(settings: GatewaySettings) -> doctor.Check:
    """Whether the disk has room for as many callbacks as the spool may hold."""
    name, path, bound = "spool's disk", settings.gateway_spool, settings.gateway_spool_bytes
    if path is None or settings.gateway_role is Role.DISPATCHER:
        return doctor.Check(name, nothing="this gateway takes no callbacks in")
    try:
        free = shutil.disk_usage(
            next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
        ).free
    except OSError as error:
        return doctor.Check(name, f"{path} (REJESHA_GATEWAY_SPOOL) cannot be looked at: {error.strerror}")
    found = f"{free / 1e9:.1f} GB are free at {path}, and the spool may take {bound / 1e9:.1f} GB"
    advice = "make room, or set a lower REJESHA_GATEWAY_SPOOL_BYTES"
    return doctor.Check(name, f"{found}: {advice}") if free < bound else doctor.Check(name, found=found)


def serve(settings: GatewaySettings) -> None:
    name = "dispatcher" if settings.gateway_role is Role.DISPATCHER else "gateway"
    configure(name, log_format=settings.log_format, level=settings.log_level)
    listener = _listen(settings)
    warn_of_plaintext(settings.bind)
    lifecycle = Lifecycle()
    app = create_app(_plan(settings), lifecycle)
    config = configuration(app, settings.bind, settings.gateway_port, limits_of_this_process())
    # After a graceful stop uvicorn raises the signal once more; dying of it would look like a crash.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    scraping.serve(name, settings)
    collect_seldom()
    with tracing.exporting(name, settings):
        Server(config, lifecycle, settings.gateway_drain_seconds).run(sockets=[listener])


def _listen(settings: GatewaySettings) -> socket.socket:
    try:
        return listening(settings.bind, settings.gateway_port)
    except OSError:
        address = settings.address(settings.gateway_port)
        sys.exit(
            f"rejesha: gateway cannot listen on {address}: it is taken, or not this machine's"
            " (REJESHA_BIND, REJESHA_GATEWAY_PORT)"
        )


def _plan(settings: GatewaySettings) -> Plan:
    shared = _shared(settings)
    return Plan(
        targets=Targets(
            settings.billing_target, settings.router_control_target, settings.notify_target, settings.certificate()
        ),
        takes_in=settings.gateway_role is not Role.DISPATCHER,
        dispatches=settings.gateway_role is not Role.INTAKE,
        sources=Sources(
            secrets=settings.callback_secrets,
            allowed=networks(settings.callback_networks),
            trusted_proxies=networks(settings.trusted_proxies),
        ),
        api_token=settings.api_token.get_secret_value(),
        store=_store(settings, shared),
        shared=shared,
        admin_phones=settings.admin_phones,
    )


def _shared(settings: GatewaySettings) -> SharedDirectory | None:
    if settings.gateway_spool is None or not settings.gateway_spool_shared:
        return None
    return SharedDirectory(settings.gateway_spool, settings.gateway_spool_bytes)


def _store(settings: GatewaySettings, shared: SharedDirectory | None) -> Store | None:
    if settings.gateway_role is Role.DISPATCHER or settings.gateway_spool is None:
        return None
    try:
        return shared.free() if shared else Store.open(settings.gateway_spool, settings.gateway_spool_bytes)
    except (SpoolInUse, OldSpool, DiskFailed, OSError) as error:
        sys.exit(f"rejesha: REJESHA_GATEWAY_SPOOL cannot be used: {error}")


if __name__ == "__main__":
    main()
