"""While payments come in, every container of ours is replaced and every certificate renewed: each payment is taken."""

import json
import subprocess
from collections import Counter
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.deploy.load import load
from tests.deploy.running import eventually

OURS = ("billing", "router-control", "notify", "dispatcher", "intake")
# What a process says of a call that failed.
FAILED = {
    "batch_failed",
    "billing_away",
    "drain_waits",
    "lease_failed",
    "tasks_postponed",
    "reports_dropped",
    "rpc_failed",
}


def ids(installation):
    return {one["Id"] for service in OURS for one in installation.containers(service)}


def certificates_renewed(installation):
    return sum(events(installation, service)["certificate_renewed"] for service in OURS)


def failures(installation):
    """How often each call that failed stands there, of all services."""
    found = sum((events(installation, service) for service in OURS), Counter())
    return {event: found[event] for event in FAILED}


def events(installation, service):
    """How often each event stands in the logs of a service's processes."""
    found = Counter()
    for container in installation.containers(service):
        logged = subprocess.run(["docker", "logs", container["Id"]], check=True, capture_output=True, text=True)
        found.update(json.loads(line)["event"] for line in logged.stderr.splitlines() if line.startswith("{"))
    return found


@pytest.fixture
def two_intakes(installation):
    only_intakes = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale")
    installation.compose(*only_intakes, "intake=2", "intake")
    yield
    installation.compose(*only_intakes, "intake=1", "intake")


@contextmanager
def missing_right(installation):
    """As if these tables were from before a right that the new version needs; it is there when the block ends."""
    user = sa.make_url(installation.secret("router-control-database-url"))
    delete = f"DELETE ON `{user.database}`.`routers`"
    with installation.tables("database-admin-url") as connection:
        connection.exec_driver_sql(f"REVOKE {delete} FROM '{user.username}'")
    yield
    with installation.tables("database-admin-url") as connection:
        granted = connection.exec_driver_sql(f"SHOW GRANTS FOR '{user.username}'").scalars().all()
    assert [line for line in granted if delete in line]


def test_an_upgrade_and_new_certificates_under_load_cost_no_payment(installation, two_intakes):
    before = ids(installation)
    with load(installation) as payments:
        eventually(lambda: len(payments.accepted) > 20)
        with missing_right(installation):
            installation.make("upgrade")
        after = ids(installation)
        assert (len(after), after & before) == (len(before), set())
        so_far = set(payments.accepted)
        eventually(lambda: so_far <= installation.recorded())
        replaced, failed = len(payments.accepted), failures(installation)
        installation.run("sh", "deploy/init.sh", "--renew")
        eventually(lambda: certificates_renewed(installation) == len(after), 90)
        eventually(lambda: len(payments.accepted) > replaced + 100)
        assert failures(installation) == failed
    print(  # noqa: T201
        f"\n{replaced} payments while all was replaced, and {len(payments.accepted) - replaced} with new certificates;"
        f" the intake kept {payments.outcomes['spooled']} on its disk first; the slowest answer took"
        f" {payments.slowest:.1f} s"
    )
    assert set(payments.statuses) == {"200"}
    eventually(lambda: installation.open_tasks() == 0)
    eventually(lambda: set(payments.accepted) <= installation.recorded())
    installation.check_books()
