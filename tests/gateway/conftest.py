"""Fixtures: a running gateway amid fakes of the other services."""

import functools
import sqlite3
import sys
from pathlib import Path

import pytest

# The rig lies beside the tests; in importlib mode the folder is not importable by itself.
sys.path.insert(0, str(Path(__file__).parent))

from gateway_rig import TOKEN, run_gateway, run_world


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def world(anyio_backend):
    async with run_world() as world:
        yield world


@pytest.fixture
async def gateway(world):
    """A client of a gateway that takes in and asks for no secret."""
    async with run_gateway(world.plan()) as client:
        yield client


@pytest.fixture
def authorized():
    return {"Authorization": f"Bearer {TOKEN}"}


class FailingDisk:
    """With `error` set to one of SQLite's codes, nothing that the spool writes reaches the disk."""

    error: int = 0


@pytest.fixture
def failing_disk(monkeypatch):
    disk, really = FailingDisk(), sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, statement, *values):
            if disk.error and statement == "COMMIT" and self.total_changes != self.changes_at_begin:
                failure = sqlite3.OperationalError("said the test's disk")
                failure.sqlite_errorcode = disk.error
                raise failure
            if statement.startswith("BEGIN"):
                self.changes_at_begin = self.total_changes
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(really, factory=Connection))
    return disk
