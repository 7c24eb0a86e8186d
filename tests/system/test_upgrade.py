"""An upgrade replaces one service after the other: each of the previous release works beside today's, and each of
today's beside the previous ones.

The previous ones work on the tables before and after today's migrations; today's refuse what is not migrated, see
test_start. `protos/PREVIOUS` names that release's commit. Its services run with the packages that are installed now.
"""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.system.making_run import own_ports
from tests.system.running import eventually, run_system

ROOT = Path(__file__).parents[2]
PREVIOUS = (ROOT / "protos" / "PREVIOUS").read_text().strip()
TODAY = ""
PACKAGES = ("rejesha.billing.v1.task_service_pb2", "servicekit", "billing", "gateway", "notify", "router_control")
# Those who are called before those who call them, as deploy/rolling.sh has it.
SERVICES = {name: (name,) for name in ("billing", "router-control", "notify")} | {"gateway": ("dispatcher", "gateway")}


@pytest.fixture(scope="module")
def previous(tmp_path_factory):
    """The sources of the previous release, as PYTHONPATH."""
    folders = ("protos", "servicekit", "services")
    archive = subprocess.run(["git", "archive", PREVIOUS, *folders], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this clone has no history back to {PREVIOUS}: git fetch --unshallow")
    directory = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")
    sources = (directory / "protos", directory / "servicekit" / "src", *sorted(directory.glob("services/*/src")))
    path = os.pathsep.join(map(str, sources))
    files = f"import {', '.join(PACKAGES)}; print(*(one.__file__ for one in ({', '.join(PACKAGES)})))"
    command, environment = [sys.executable, "-c", files], os.environ | {"PYTHONPATH": path}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.count(str(directory)) == len(PACKAGES)  # and none of this checkout's
    return path


class Upgrade:
    """A running system whose services are replaced. `sources`: from where each runs, as PYTHONPATH."""

    def __init__(self, running, sources):
        self._running = running
        self._sources = dict.fromkeys(SERVICES, sources)
        self._payments = 0

    def replace(self, sources):
        """Let each service run from its sources, without a change of its settings."""
        changed = [service for service in SERVICES if sources[service] != self._sources[service]]
        processes = [self._running[name] for service in changed for name in SERVICES[service]]
        for process in processes:
            process.stop()
        for service in changed:
            for process in (self._running[name] for name in SERVICES[service]):
                process.environment = {**process.environment, "PYTHONPATH": sources[service]}
                process.start()
        for process in processes:
            process.wait_ready()
        self._sources = dict(sources)

    def pay(self, *, check=True):
        """A payment ends in a line that is on and a message, counts once, and is known when it comes again."""
        self._payments += 1
        trans_id = f"UPGRADE{self._payments:03}"
        running = self._running
        running.switch_off("0949AQ")
        assert running.pay("0949AQ", trans_id=trans_id).json()["processingResult"]["outcome"] == "customer_paid"
        eventually(lambda: [text for text in running.inbox("254712000001") if trans_id in text])
        eventually(lambda: running.open_tasks() == 0)
        assert running.is_enabled("0949AQ")
        eventually(lambda: {"RECONNECTION_SUCCESS", "MESSAGE_SENT"} <= self._events(trans_id))
        again = running.pay("0949AQ", trans_id=trans_id).json()["processingResult"]
        assert (again["outcome"], again["repeated"]) == ("customer_paid", True)
        if check:
            running.system.migrate()  # what a billing of the previous release records has no transfers before
            running.check_books()

    def _events(self, trans_id):
        return {one["event"] for one in self._running.timeline(trans_id)["timeline"]}


@pytest.mark.parametrize("odd", ["previous", "today"])
def test_a_service_of_either_release_does_its_work_beside_those_of_the_other(odd, previous, tmp_path, monkeypatch):
    ours, others = (previous, TODAY) if odd == "previous" else (TODAY, previous)
    monkeypatch.setenv("PYTHONPATH", others)  # of all that starts now, the migrations included
    with run_system(own_ports() | {"REJESHA_VAR": str(tmp_path)}, tmp_path) as running:
        monkeypatch.delenv("PYTHONPATH")
        upgrade = Upgrade(running, others)
        if odd == "today":
            upgrade.pay(check=False)  # today's books are not those of the previous release
            running.system.migrate()  # today's, under the services that are there
            upgrade.pay()
        for service in SERVICES:
            upgrade.replace({one: ours if one == service else others for one in SERVICES})
            upgrade.pay()
