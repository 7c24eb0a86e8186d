"""billing's commands on databases that somebody else has made."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of `python -m billing` on the database of an address, to its end."""

    def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "billing", *arguments]
        environment = os.environ | {"REJESHA_BILLING_DATABASE_URL": url}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run
