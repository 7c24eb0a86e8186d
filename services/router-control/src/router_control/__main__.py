"""Starts router-control: `python -m router_control` serves, `… migrate` migrates, `… migrate --check`
says what that would change and what stands in its way, `… doctor` tests the database, `… reencrypt` renews the
passwords.

The only module that reads settings; everything else is handed what it needs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
import structlog
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc
from servicekit.selftest import Readiness, SelfTest
from servicekit.serve import Server, run_until_signal

import router_control
from router_control import adoption
from router_control.access import AccessControl
from router_control.models import metadata
from router_control.routers import Defaults, Registry
from router_control.servicer import RouterControlServicer
from router_control.settings import Settings
from router_control.vault import UnreadablePassword, Vault
from router_control.workers import Workers
from servicekit import database, doctor, logs, migrate

log = structlog.get_logger()

MIGRATIONS = Path(router_control.__file__).parents[2] / "migrations"

# A call that waits for a dead router holds a thread. So many may, and the others are still served.
THREADS = 128


def main(arguments: list[str]) -> None:
    settings = Settings.load()
    logs.configure("router-control", log_format=settings.log_format, level=settings.log_level)
    engine = database.create_engine(settings.database_url)
    registry = Registry(engine, Vault(settings.router_control_keys), _defaults(settings))
    match arguments:
        case []:
            serve(settings.address(settings.router_control_port), engine, registry)
        case ["migrate", *options] if options in ([], ["--check"]):
            bring_up_to_date(settings.database_url, options)
        case ["doctor"]:
            sys.exit(doctor.examine(selftest_of(engine)))
        case ["reencrypt"]:
            reencrypt(registry)
        case _:
            sys.exit("usage: python -m router_control [migrate [--check] | doctor | reencrypt]")


def selftest_of(engine: sa.Engine) -> SelfTest:
    """The self-test of router-control's database."""
    return SelfTest(engine, "router_control", metadata)


def serve(address: str, engine: sa.Engine, registry: Registry) -> None:
    """Serve until told to stop."""
    workers = Workers()
    server = Server(address, threads=THREADS, probe=Readiness(selftest_of(engine)))
    servicer = RouterControlServicer(registry, AccessControl(registry, workers), workers)
    pb_grpc.add_RouterControlServiceServicer_to_server(servicer, server.grpc)
    run_until_signal(server, "router-control", after=workers.close)


def bring_up_to_date(database_url: str, options: Sequence[str]) -> None:
    engine = database.create_engine(database_url, answer_seconds=database.PATIENT)
    migrate.command_line(engine, "router_control", MIGRATIONS, adoption.inspect, options)


def reencrypt(registry: Registry) -> None:
    """Put all passwords under the first key, after which the other keys may go."""
    try:
        log.info("passwords_reencrypted", count=registry.reencrypt())
    except UnreadablePassword:
        sys.exit("rejesha: a stored password is under none of REJESHA_ROUTER_CONTROL_KEYS; nothing was changed")


def _defaults(settings: Settings) -> Defaults:
    return Defaults(settings.routeros_user, settings.routeros_password, settings.routeros_port)


if __name__ == "__main__":
    main(sys.argv[1:])
