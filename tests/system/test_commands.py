"""Each service's own commands, as an operator or a job in a cluster starts them."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("service", ["billing", "router_control", "notify"])
def test_migrating_and_testing_a_database_need_its_url_and_no_secret(service, sqlite_url):
    """A job that migrates must not be given what only the serving process uses."""
    only_the_database = {"PATH": os.environ["PATH"], "REJESHA_DATABASE_URL": sqlite_url}
    for command in (["migrate", "--check"], ["migrate"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", service, *command],
            env=only_the_database,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (command, done.returncode) == (command, 0), done.stderr
