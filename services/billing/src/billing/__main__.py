"""`python -m billing` serves, `… migrate` brings the tables up to date, `… doctor` tests the database.

`… migrate --check` says what that would change, and what stands in its way; `… grants` what its user may do there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from rejesha.billing.v1 import (
    account_service_pb2_grpc,
    bulk_service_pb2_grpc,
    drift_service_pb2_grpc,
    ledger_service_pb2_grpc,
    line_service_pb2_grpc,
    package_service_pb2_grpc,
    payment_service_pb2_grpc,
    policy_service_pb2_grpc,
    quarantine_service_pb2_grpc,
    retention_service_pb2_grpc,
    task_service_pb2_grpc,
)
from servicekit.commands import Commands
from servicekit.rpc.server import Server, run_until_signal
from servicekit.selftest import Readiness, SelfTest
from sqlalchemy import Engine

import billing
from billing import adoption, rights, roles
from billing.accounts.servicer import AccountServicer
from billing.bulk.servicer import BulkServicer
from billing.drift.servicer import DriftServicer
from billing.figures.service import look_up
from billing.held.servicer import PaymentServicer
from billing.ledger.servicer import LedgerServicer
from billing.lines.servicer import LineServicer
from billing.packages.servicer import PackageServicer
from billing.policies.servicer import PolicyServicer
from billing.policy import Policy
from billing.precedence import Precedence
from billing.quarantine.servicer import QuarantineServicer
from billing.retention.servicer import RetentionServicer
from billing.schema import metadata
from billing.settings import BillingSettings, Charge, MigrationSettings
from billing.tasks.servicer import TaskServicer
from servicekit import doctor, engines, logs, metrics, scraping, tracing

MIGRATIONS = Path(billing.__file__).parents[2] / "migrations"
THREADS = 16
# How old what Prometheus is told of the database may be.
FIGURES_SECONDS = 10.0


def build(settings: BillingSettings, engine: Engine) -> Server:
    """The server with its services."""
    policy = Policy(
        settings.admin_phones,
        frozenset(settings.shortcodes),
        staff_messages_per_hour=settings.staff_messages_per_hour,
        receipts_per_hour=settings.receipts_per_hour,
        paybill=next(iter(settings.shortcodes), ""),
        manages_lines=settings.lines is Charge.MANAGE,
        part_payments_per_hour=settings.part_payments_per_hour,
    )
    precedence = Precedence()
    address = settings.address(settings.billing_port)
    server = Server(
        address,
        threads=THREADS,
        probe=Readiness(selftest_of(engine)),
        reflection=settings.reflection,
        certificate=settings.certificate(),
        table=roles.TABLE,
        health_address=settings.health_address,
        observe=metrics.served,
    )
    server.add(
        payment_service_pb2_grpc.add_PaymentServiceServicer_to_server, PaymentServicer(engine, policy, precedence)
    )
    quarantine = QuarantineServicer(engine, policy)
    server.add(quarantine_service_pb2_grpc.add_QuarantineServiceServicer_to_server, quarantine)
    server.add(task_service_pb2_grpc.add_TaskServiceServicer_to_server, TaskServicer(engine, policy, precedence))
    server.add(account_service_pb2_grpc.add_AccountServiceServicer_to_server, AccountServicer(engine, policy))
    server.add(drift_service_pb2_grpc.add_DriftServiceServicer_to_server, DriftServicer(engine, policy))
    server.add(line_service_pb2_grpc.add_LineServiceServicer_to_server, LineServicer(engine, policy))
    server.add(bulk_service_pb2_grpc.add_BulkServiceServicer_to_server, BulkServicer(engine, policy))
    server.add(ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server, LedgerServicer(engine))
    server.add(package_service_pb2_grpc.add_PackageServiceServicer_to_server, PackageServicer(engine, policy))
    server.add(policy_service_pb2_grpc.add_PolicyServiceServicer_to_server, PolicyServicer(engine))
    server.add(retention_service_pb2_grpc.add_RetentionServiceServicer_to_server, RetentionServicer(engine))
    return server


def selftest_of(engine: Engine) -> SelfTest:
    """The self-test of billing's database."""
    return SelfTest(engine, "billing", metadata)


def checks() -> Iterator[doctor.Check]:
    """What the doctor tries beside the database."""
    return doctor.of_settings(BillingSettings.faults())


COMMANDS = Commands("billing", MigrationSettings.load, MIGRATIONS, adoption.inspect, rights.WANTED, selftest_of, checks)


def main() -> None:
    if words := sys.argv[1:]:
        COMMANDS.run(words)
    else:
        serve(BillingSettings.load())


def serve(settings: BillingSettings) -> None:
    logs.configure("billing", log_format=settings.log_format, level=settings.log_level)
    engine = engines.create_engine(settings.database_url, pool_size=THREADS + 2)  # one for the probe, one for figures
    figures = scraping.Figures("billing", lambda: look_up(engine), FIGURES_SECONDS)
    scraping.serve("billing", settings, figures)
    with tracing.exporting("billing", settings):
        run_until_signal(build(settings, engine), "billing", after=engine.dispose)


if __name__ == "__main__":
    main()
