"""Each service's own commands, as an operator or a job in a cluster starts them."""

import os
import subprocess
import sys

import pytest

SERVICES = ["billing", "router_control", "notify"]


def run(service, url, *arguments):
    """A command in an environment that holds the database's URL and nothing else of ours."""
    return subprocess.run(
        [sys.executable, "-m", service, *arguments],
        env={"PATH": os.environ["PATH"], "REJESHA_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_migrating_and_testing_a_database_need_its_url_and_no_secret(service, sqlite_url):
    """A job that migrates must not be given what only the serving process uses."""
    for migrate in (["migrate", "--check"], ["migrate"]):
        done = run(service, sqlite_url, *migrate)
        assert done.returncode == 0, done.stderr
    examined = dict(line.split("\t")[::-1] for line in run(service, sqlite_url, "doctor").stdout.splitlines())
    of_serving = {said: verdict for said, verdict in examined.items() if said.startswith("settings: ")}
    assert set(examined.values()) - set(of_serving.values()) == {"ok"}
    assert {"tables", "writes", "unique keys"} <= set(examined)
