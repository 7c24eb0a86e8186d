"""A migration that is killed at any moment is finished by the next one, and what comes out is what one run makes."""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from billing.__main__ import MIGRATIONS

from servicekit import engines, migrate
from tests.billing.adoption import predecessor
from tests.billing.adoption.adopting import another_schema, everything, run

KILLS = 12
# The longest that a run is left alone for, in seconds: about as long as it takes.
LONGEST = 2.0


@pytest.mark.timeout(600)
def test_a_migration_killed_at_random_moments_ends_as_an_undisturbed_one(server_url):
    engine = engines.create_engine(server_url)
    with another_schema(server_url) as whole:
        predecessor.build(whole)
        migrate.upgrade(whole, "billing", MIGRATIONS)
        expected, kills = everything(whole), 0
    while kills < KILLS:
        empty(engine)
        predecessor.build(engine)
        while not is_done(engine, server_url):
            kills += 1
        assert everything(engine) == expected
    engine.dispose()


def is_done(engine, url):
    """Run a migration, and kill it at some moment after it has connected; whether it was done by then."""
    environment = os.environ | {"REJESHA_BILLING_DATABASE_URL": url, "REJESHA_LOG_LEVEL": "ERROR"}
    with subprocess.Popen([sys.executable, "-m", "billing", "migrate"], env=environment) as process:
        wait_until(lambda: process.poll() is not None or sessions(engine) > 0)
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, LONGEST))
        process.kill()
    # What it had sent is carried out to the end without it.
    wait_until(lambda: sessions(engine) == 0)
    return process.returncode == 0


def sessions(engine):
    """How many others are in the schema."""
    with engine.connect() as connection:
        own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        everybody = connection.exec_driver_sql("SHOW PROCESSLIST").mappings()
        return sum(one["db"] == engine.url.database and one["Id"] != own for one in everybody)


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def empty(engine):
    name = engine.url.database
    engine.dispose()
    run(engine, f"DROP DATABASE {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"USE {name}")
    engine.dispose()
