"""What a service's start refuses, as a real process, and what `doctor` says of it."""

import os
import subprocess
import sys

import billing.__main__
import notify.__main__
import pytest
import router_control.__main__
from cryptography.fernet import Fernet

from servicekit import engines, migrate

pytestmark = pytest.mark.executed

SERVICES = {
    "billing": (billing.__main__.MIGRATIONS, "isp_wallet"),
    "notify": (notify.__main__.MIGRATIONS, "messages"),
    "router_control": (router_control.__main__.MIGRATIONS, "selftest_router_control"),
}


def run(service, url, *arguments):
    """What a process of a service says until it ends: its exit code, standard output and standard error."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
    ours = {
        "DATABASE_URL": url,
        "SANDBOX": "true",
        "PLAINTEXT": "true",
        "NOTIFY_SENDER": "console",
        "ROUTER_CONTROL_KEYS": Fernet.generate_key().decode(),
        **{f"{name.upper()}_PORT": "0" for name in SERVICES},
    }
    environment = inherited | {f"REJESHA_{name}": value for name, value in ours.items()}
    command = (sys.executable, "-m", service, *arguments)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_table_without_transactions_ends_the_start_with_its_name_and_the_doctor_finds_it(service, server_url):
    migrations, table = SERVICES[service]
    engine = engines.create_engine(server_url)
    migrate.upgrade(engine, service, migrations)
    code, said, _ = run(service, server_url, "doctor")
    checks = ("settings", "server", "tables", "connection", "writes", "rollback", "unique keys", "row locks", "clock")
    # What is neither good nor bad is told as well.
    told = [line for line in said.splitlines() if not line.startswith(("none\t", "ok\tinnodb_log_writer_threads"))]
    assert (code, told) == (0, [f"ok\t{check}" for check in checks])

    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} ENGINE=MyISAM")
    engine.dispose()
    fault = f"the table {table} is kept by MyISAM, not by InnoDB, and has no transactions"
    code, _, said = run(service, server_url)
    assert code == 2
    assert f"this database: {fault}\n" in said
    code, said, _ = run(service, server_url, "doctor")
    assert (code, said.splitlines()[-1]) == (1, f"bad\ttables: {fault}")


def test_a_database_that_was_not_migrated_ends_the_start_with_what_to_do(sqlite_url):
    code, _, said = run("billing", sqlite_url)
    assert code == 2
    assert "the table isps is missing: run `rejesha migrate`" in said


def test_the_doctor_says_why_a_database_cannot_be_asked(server_url):
    code, said, _ = run("billing", server_url.replace("://root", "://nobody"), "doctor")
    assert (code, said.split(" Access")[0]) == (1, "ok\tsettings\nbad\tdatabase: the database refuses: 1045")
