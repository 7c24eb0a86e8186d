"""`python -m router_control` serves, `… migrate` brings the table up to date, `… doctor` tests the database,
`… grants` says what its user may do there, `… reencrypt` puts all passwords under the first key.

`… migrate --check` says what that would change, and what stands in its way. The only module that reads settings.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
import structlog
from cryptography.fernet import MultiFernet
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc
from servicekit.commands import Commands
from servicekit.rpc.server import Server, run_until_signal
from servicekit.selftest import Readiness, SelfTest

import router_control
from router_control import rights, roles
from router_control.lines.service import Lines
from router_control.lines.servicer import LinesServicer
from router_control.metrics import FAILING
from router_control.routeros.pool import Pool
from router_control.routers import adoption
from router_control.routers.errors import UnreadablePassword
from router_control.routers.reachability import Reachability
from router_control.routers.service import Registry
from router_control.routers.servicer import RoutersServicer
from router_control.routers.targets import Defaults, Targets
from router_control.schema import metadata
from router_control.secrets.servicer import SecretsServicer
from router_control.settings import DatabaseSettings, KeySettings, MigrationSettings, RouterControlSettings
from servicekit import doctor, engines, logs, metrics, scraping, tracing

log = structlog.get_logger()

MIGRATIONS = Path(router_control.__file__).parents[2] / "migrations"

# A call that waits for a dead router holds a thread. So many may, and the others are still served.
THREADS = 128


class RouterControlServicer(RoutersServicer, LinesServicer, SecretsServicer, pb_grpc.RouterControlServiceServicer):
    """All RPCs of the contract."""

    def __init__(self, engine: sa.Engine, keys: MultiFernet, defaults: Defaults, pool: Pool) -> None:
        targets = Targets(engine, keys, defaults)
        RoutersServicer.__init__(self, Registry(engine, keys, defaults), Reachability(targets, pool), pool)
        lines = Lines(targets, pool)
        LinesServicer.__init__(self, lines)
        SecretsServicer.__init__(self, lines)


def selftest_of(engine: sa.Engine) -> SelfTest:
    """The self-test of router-control's database."""
    return SelfTest(engine, "router_control", metadata)


def checks() -> Iterator[doctor.Check]:
    """What the doctor tries beside the database."""
    return doctor.of_settings(RouterControlSettings.faults())


COMMANDS = Commands(
    "router_control", MigrationSettings.load, MIGRATIONS, adoption.inspect, rights.WANTED, selftest_of, checks,
    others=" | reencrypt",
)  # fmt: skip


def main() -> None:
    match sys.argv[1:]:
        case []:
            serve(RouterControlSettings.load())
        case ["reencrypt"]:
            reencrypt(KeySettings.load())
        case words:
            COMMANDS.run(words)


def build(settings: RouterControlSettings, engine: sa.Engine, pool: Pool) -> Server:
    """The server with its one service."""
    defaults = Defaults(settings.routeros_user, settings.routeros_password, settings.routeros_port)
    servicer = RouterControlServicer(engine, settings.keys(), defaults, pool)
    server = Server(
        settings.address(settings.router_control_port),
        threads=THREADS,
        probe=Readiness(selftest_of(engine)),
        reflection=settings.reflection,
        certificate=settings.certificate(),
        table=roles.TABLE,
        health_address=settings.health_address,
        observe=metrics.served,
    )
    server.add(pb_grpc.add_RouterControlServiceServicer_to_server, servicer)
    return server


def serve(settings: RouterControlSettings) -> None:
    """Serve until told to stop."""
    _log_as(settings)
    pool = Pool()
    FAILING.set_function(lambda: pool.failing)
    scraping.serve("router-control", settings)
    server = build(settings, engines.create_engine(settings.database_url), pool)
    with tracing.exporting("router-control", settings):
        run_until_signal(server, "router-control", after=pool.close)


def reencrypt(settings: KeySettings) -> None:
    """Put all passwords under the first key, after which the other keys may go."""
    _log_as(settings)
    engine = engines.create_engine(settings.database_url)
    try:
        count = Registry(engine, settings.keys(), Defaults()).reencrypt()
    except UnreadablePassword:
        sys.exit("rejesha: a stored password is under none of REJESHA_ROUTER_CONTROL_KEYS; nothing was changed")
    log.info("passwords_reencrypted", count=count)


def _log_as(settings: DatabaseSettings) -> None:
    logs.configure("router-control", log_format=settings.log_format, level=settings.log_level)


if __name__ == "__main__":
    main()
