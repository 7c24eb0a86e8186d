"""One installation in containers for all tests here; it is removed at the end, its volumes too."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.deploy.running import Installation, trial


def _why_no_docker() -> str:
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            return "docker is not installed"
        if done.returncode:
            return done.stderr
    return ""


@pytest.fixture(scope="session")
def docker() -> None:
    """Skips where no engine runs; fails in CI."""
    if reason := _why_no_docker():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have Docker: {reason}")
        pytest.skip(f"no Docker: {reason}")


@pytest.fixture(scope="session")
def installation(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """As `make up TRY=1` leaves it."""
    with trial(tmp_path_factory.mktemp("installation")) as running:
        yield running
