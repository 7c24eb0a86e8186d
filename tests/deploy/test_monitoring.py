"""With the profile `monitoring` Prometheus reads every replica and knows every alert; Alertmanager calls someone."""

import json
import re
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import yaml

from tests.deploy.running import ROOT, eventually, new_id

OURS = ("intake", "dispatcher", "billing", "router-control", "notify")
EYES = ("prometheus", "alertmanager")
FOLDER = ROOT / "deploy" / "monitoring"


@pytest.fixture(scope="module")
def watched(installation, tmp_path_factory):
    """Switched on as an operator does it, when there were two billings already; whom to call, an own file says."""
    receivers = tmp_path_factory.mktemp("receivers") / "alertmanager.yaml"
    config = yaml.safe_load((FOLDER / "alertmanager.yaml").read_text())
    (page,) = [one for one in config["receivers"] if one["name"] == "page"]
    page["webhook_configs"] = [{"url_file": "/run/secrets/alertmanager-password"}]
    receivers.write_text(yaml.safe_dump(config))
    settings = installation.home / ".env"
    before = settings.read_text()
    scale(installation, 2)
    settings.write_text(
        before.replace("COMPOSE_PROFILES='try'", "COMPOSE_PROFILES='try,monitoring'")
        + f"REJESHA_ALERTMANAGER_CONFIG='{receivers}'\n"
    )
    installation.make("up")
    yield installation
    installation.compose("rm", "--stop", "--force", *EYES)
    settings.write_text(before)
    scale(installation, 1)


def scale(installation, billings):
    only_billing = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale", f"billing={billings}")
    installation.compose(*only_billing, "billing")


def prometheus(installation, path, **parameters):
    """What Prometheus answers on the port that this machine alone reaches."""
    url = f"http://127.0.0.1:{installation.environment['REJESHA_PROMETHEUS_PORT']}/api/v1/{path}"
    return httpx.get(url, params=parameters, trust_env=False).raise_for_status().json()["data"]


def read(installation):
    """The targets that were read when they were asked last."""
    targets = prometheus(installation, "targets")["activeTargets"]
    return {(one["labels"]["job"], one["labels"]["instance"]) for one in targets if one["health"] == "up"}


def replicas(installation):
    network = f"{installation.environment['COMPOSE_PROJECT_NAME']}_inside"
    return {
        (service, f"{container['NetworkSettings']['Networks'][network]['IPAddress']}:9180")
        for service in OURS
        for container in installation.containers(service)
    }


def test_every_replica_is_read_and_make_up_left_as_many_as_there_were(watched):
    assert len(watched.containers("billing")) == 2
    eventually(lambda: read(watched) == replicas(watched))
    eventually(lambda: len(prometheus(watched, "alertmanagers")["activeAlertmanagers"]) == 1)


def test_every_alert_is_looked_after(watched):
    known = set(re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yaml").read_text()))

    def sound():
        groups = prometheus(watched, "rules")["groups"]
        return {rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "ok"}

    eventually(lambda: sound() == known)


@contextmanager
def listening(address):
    """Yields the port where somebody is called, and with which path and alerts he was."""
    calls = []

    class Called(BaseHTTPRequestHandler):
        def do_POST(self):
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.extend((self.path, alert["labels"]["alertname"], alert["status"]) for alert in told["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer((address, 0), Called) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, calls
        finally:
            server.shutdown()
            thread.join()


def gateway(installation, network):
    """This machine's address on a network."""
    name = f"{installation.environment['COMPOSE_PROJECT_NAME']}_{network}"
    found = subprocess.run(["docker", "network", "inspect", name], check=True, capture_output=True).stdout
    return json.loads(found)[0]["IPAM"]["Config"][0]["Gateway"]


def test_of_a_conflict_in_a_payment_somebody_is_told_at_the_address_that_is_kept_secret(watched):
    counted = 'rejesha_payment_deliveries_total{outcome="conflict"}'
    eventually(lambda: len(prometheus(watched, "query", query=counted)["result"]) == 2)
    address, secret = gateway(watched, "monitoring"), new_id()
    with listening(address) as (port, calls):
        (watched.home / "secrets" / "alertmanager-password").write_text(f"http://{address}:{port}/{secret}")
        trans_id = new_id()
        assert watched.pay("ACC001", trans_id).status_code == 200
        assert watched.pay("SMS001", trans_id).status_code == 200
        eventually(lambda: (f"/{secret}", "ConflictSeen", "firing") in calls, 120)


def test_nobody_else_reaches_them_and_they_write_to_their_volumes_alone(watched):
    for service in EYES:
        (container,) = watched.containers(service)
        host, published = container["HostConfig"], container["NetworkSettings"]["Ports"]
        assert {each["HostIp"] for port in published.values() for each in port or []} == {"127.0.0.1"}
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
        assert container["Config"]["User"] == "65534:65534"
        assert [mount["Name"] for mount in container["Mounts"] if mount["RW"]] == [
            f"{watched.environment['COMPOSE_PROJECT_NAME']}_{service}"
        ]
