"""Fixtures: a running gateway amid fakes of the other services."""

import os
import sys
from dataclasses import dataclass
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


@dataclass
class FailingDisk:
    """With `error` set to an errno, no write of the spool reaches the disk."""

    error: int = 0


@pytest.fixture
def failing_disk(monkeypatch):
    disk, really = FailingDisk(), os.fdatasync

    def sync(descriptor):
        if disk.error:
            raise OSError(disk.error, os.strerror(disk.error))
        really(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    return disk
