"""A new database: up, down and up again; the models are what the migrations make."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from billing import adoption
from billing.__main__ import MIGRATIONS
from billing.adoption import predecessor
from billing.schema import metadata

from servicekit import engines, migrate


def test_up_down_and_up_again_gives_the_same_tables(database_url):
    engine = engines.create_engine(database_url)
    migrate.upgrade(engine, "billing", MIGRATIONS)
    first = layout(engine)
    migrate.downgrade(engine, "billing", MIGRATIONS)
    assert "tasks" not in layout(engine)
    assert "paybill_payments" in layout(engine)  # its rows may be older than we are
    migrate.upgrade(engine, "billing", MIGRATIONS)
    assert layout(engine) == first
    engine.dispose()


def test_whoever_waits_for_the_tables_goes_on_when_they_are_at_this_version_or_a_later_one(database_url, monkeypatch):
    monkeypatch.setattr(migrate, "_LOOK_SECONDS", 0.02)
    engine, others = engines.create_engine(database_url), engines.create_engine(database_url)

    def migrating():
        for revision in ("0001", "head"):
            assert migrate._why_not_yet(engine, "billing", MIGRATIONS)
            migrate.upgrade(engine, "billing", MIGRATIONS, revision)

    with ThreadPoolExecutor(1) as another:
        done = another.submit(migrating)
        migrate.wait(others, "billing", MIGRATIONS)
        assert "tasks" in layout(others)
        done.result()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version_billing SET version_num = '9999'")
    migrate.wait(others, "billing", MIGRATIONS)
    engine.dispose()
    others.dispose()


@pytest.mark.processes
def test_whoever_waits_ends_when_told_to(tmp_path):
    environment = os.environ | {"REJESHA_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    command = (sys.executable, "-m", "billing", "migrate", "--wait")
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as waiting:
        told = waiting.stderr.readline()
        waiting.terminate()
        assert waiting.wait(timeout=30) == 128 + signal.SIGTERM
    assert "waiting_for_tables" in told


# Every service has the first two, whatever its tables are; the last is for a billing of the release before.
BESIDE = ("alembic_version_billing", "selftest_billing", "wallet_entries")


def test_the_models_are_what_the_migrations_make(engine):
    made = {name: columns for name, columns in layout(engine).items() if name not in BESIDE}
    assert {name: {c.name: c.nullable for c in table.columns} for name, table in metadata.tables.items()} == made


def test_the_look_before_adoption_tells_every_table_of_ours_from_one_of_the_isp_s_own():
    ours = {name: table for name, table in metadata.tables.items() if name not in predecessor.metadata.tables}
    known = {name: columns for name, columns in adoption._OWN.items() if name in ours}
    assert known.keys() == ours.keys()
    assert all(set(columns) <= set(ours[name].columns.keys()) for name, columns in known.items())


def layout(engine):
    """Tables with their columns and whether these may be NULL."""
    inspector = sa.inspect(engine)
    return {
        table: {column["name"]: column["nullable"] for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
    }
