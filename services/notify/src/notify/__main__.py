"""`python -m notify` serves, `… migrate` brings the tables up to date, `… doctor` tests the database.

`… grants` says what its user may do there.
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.commands import Commands
from servicekit.rpc.server import Server, run_until_signal
from servicekit.selftest import Readiness, SelfTest
from sqlalchemy import Engine

import notify
from notify import figures, rights, roles
from notify.messages.servicer import NotifyServicer
from notify.providers.console import Console
from notify.providers.provider import Provider
from notify.providers.textsms import NoBalance, TextSms
from notify.schema import adoption, metadata
from notify.sending.sender import Sender
from notify.sending.service import Sending
from notify.settings import MigrationSettings, NotifySettings
from servicekit import doctor, engines, logs, metrics, scraping, tracing

RPC_THREADS = 8
# How many calls to the provider may hang before the other messages wait.
CALLS_AT_ONCE = 16
# How old what Prometheus is told may be.
FIGURES_SECONDS, BALANCE_SECONDS = 10.0, 600.0
MIGRATIONS = Path(notify.__file__).parents[2] / "migrations"


def selftest_of(engine: Engine) -> SelfTest:
    """The self-test of notify's database."""
    return SelfTest(engine, "notify", metadata)


def checks() -> Iterator[doctor.Check]:
    """What the doctor tries beside the database."""
    faults = NotifySettings.faults()
    yield from doctor.of_settings(faults)
    if not faults:
        yield check_balance(make_provider(NotifySettings.load()))


COMMANDS = Commands("notify", MigrationSettings.load, MIGRATIONS, adoption.inspect, rights.WANTED, selftest_of, checks)


def main() -> None:
    if words := sys.argv[1:]:
        COMMANDS.run(words)
    else:
        serve(NotifySettings.load())


def check_balance(provider: Provider) -> doctor.Check:
    """Whether anything is left of the TextSMS account."""
    name = "TextSMS balance"
    if not isinstance(provider, TextSms):
        return doctor.Check(name, nothing="messages are printed, not sent")
    try:
        left = provider.balance()
    except NoBalance as error:
        return doctor.Check(name, f"not known: {error}. Check the account's settings and the way to the provider")
    return doctor.Check(name, "" if left > 0 else "nothing is left: top the account up", found=f"{left:,.2f} left")


def build(settings: NotifySettings, engine: Engine, sender: Sender) -> Server:
    """The server with its one service; `sender` starts with it."""
    server = Server(
        settings.address(settings.notify_port),
        threads=RPC_THREADS,
        probe=Readiness(selftest_of(engine)),
        begin=sender.start,
        reflection=settings.reflection,
        certificate=settings.certificate(),
        table=roles.TABLE,
        health_address=settings.health_address,
        observe=metrics.served,
    )
    server.add(pb_grpc.add_NotifyServiceServicer_to_server, NotifyServicer(engine, sender.wake))
    return server


def serve(settings: NotifySettings) -> None:
    logs.configure("notify", log_format=settings.log_format, level=settings.log_level)
    # Beside the RPCs: the sender, what looks after health, and figures.
    engine = engines.create_engine(settings.database_url, pool_size=RPC_THREADS + 4)
    provider = make_provider(settings)
    scraping.serve("notify", settings, *figures_of(engine, provider))
    stopping = threading.Event()
    sender = Sender(Sending(engine, provider, stopping), stopping, calls_at_once=CALLS_AT_ONCE)
    with tracing.exporting("notify", settings):
        run_until_signal(build(settings, engine, sender), "notify", after=lambda: sender.stop(provider.deadline + 5))


def figures_of(engine: Engine, provider: Provider) -> list[scraping.Figures]:
    """What Prometheus is told of the messages and of the account; a provider is asked seldom."""
    found = [scraping.Figures("notify", lambda: figures.waiting(engine), FIGURES_SECONDS)]
    if isinstance(provider, TextSms):
        found.append(scraping.Figures("balance", lambda: figures.balance(provider), BALANCE_SECONDS))
    return found


def make_provider(settings: NotifySettings) -> Provider:
    if settings.notify_sender == "console":
        return Console()
    return TextSms(
        str(settings.textsms_url),
        api_key=settings.textsms_api_key.get_secret_value(),
        partner_id=settings.textsms_partner_id,
        shortcode=settings.textsms_shortcode,
        deadline=settings.textsms_deadline,
    )


if __name__ == "__main__":
    main()
