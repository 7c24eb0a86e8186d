"""Replicas that are added under load get their share, and nothing is lost meanwhile."""

import json
import subprocess

import pymysql
import pytest

from tests.deploy.load import load
from tests.deploy.running import eventually

# How much of an even share each replica must have had.
FAIR = 0.5
INSERTS = (
    "SELECT HOST, COUNT_STAR FROM performance_schema.events_statements_summary_by_host_by_event_name"
    " WHERE EVENT_NAME = 'statement/sql/insert' AND HOST IS NOT NULL"
)


def inserts(installation):
    """How many rows' statements each replica of billing has sent, as MySQL counted them."""
    password, host = installation.secret("mysql-root-password"), installation.address("mysql", "data")
    with pymysql.connect(host=host, user="root", password=password) as connection, connection.cursor() as cursor:
        cursor.execute(INSERTS)
        by_host = dict(cursor.fetchall())
    network = f"{installation.environment['COMPOSE_PROJECT_NAME']}_data"
    replicas = installation.containers("billing")
    addresses = {one["Name"]: one["NetworkSettings"]["Networks"][network]["IPAddress"] for one in replicas}
    return {name: int(by_host.get(address, 0)) for name, address in addresses.items()}


def calls(installation):
    """How many calls each replica of router-control has carried out, as its log says."""
    found = {}
    for container in installation.containers("router-control"):
        logged = subprocess.run(["docker", "logs", container["Id"]], check=True, capture_output=True, text=True)
        events = [json.loads(line) for line in logged.stderr.splitlines() if line.startswith("{")]
        found[container["Name"]] = sum(event["event"] == "access_set" for event in events)
    return found


def since(before, now):
    """What each replica has done since then, those that did nothing among them."""
    return {name: count - before[name] for name, count in now.items()}


def least_share(done, enough):
    """Of an even share, what the replica with the least has had; 0 while there is too little to tell."""
    total = sum(done.values())
    return min(done.values()) * len(done) / total if total >= enough else 0


@pytest.mark.nightly  # connections last for a minute, and only then has each replica its share
def test_scaled_up_under_load_each_replica_gets_its_share_and_nothing_is_lost(installation):
    with load(installation) as payments:
        eventually(lambda: len(payments.accepted) > 20)
        scale = ("--scale", "billing=3", "--scale", "router-control=2", "--scale", "intake=2")
        installation.compose("up", "--detach", "--wait", "--no-recreate", *scale)
        # Each writes a row now and then to see whether it can: what is meant is the work of payments.
        began = inserts(installation)
        eventually(lambda: min(since(began, inserts(installation)).values()) >= 100, 120)
        eventually(lambda: all(calls(installation).values()), 120)
        of_billing, of_routers = inserts(installation), calls(installation)
        eventually(lambda: least_share(since(of_billing, inserts(installation)), 300) > FAIR)
        eventually(lambda: least_share(since(of_routers, calls(installation)), 50) > FAIR)
        shares = since(of_billing, inserts(installation)), since(of_routers, calls(installation))
    print(f"\n{len(payments.accepted)} payments, of which billing and router-control then had", *shares)  # noqa: T201
    assert set(payments.statuses) == {"200"}
    eventually(lambda: installation.open_tasks() == 0)
    eventually(lambda: set(payments.accepted) <= installation.recorded())
    installation.check_books()
    installation.compose("up", "--detach", "--wait", "--no-recreate")
