"""The overlays' own containers, run as their manifests say: they come up in any order, and a payment does its work."""

import subprocess
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pymysql
import pytest
from rejesha_cli.certificates import authority
from servicekit.rpc.certificates import AUTHORITY

from tests.deploy.kubernetes.cluster import applied, secret
from tests.deploy.kubernetes.manifests import manifests, workloads
from tests.deploy.running import eventually, new_id

SERVICES = ("billing", "router-control", "notify")


@pytest.fixture(scope="module")
def trying(images, tmp_path_factory):
    with applied("try", tmp_path_factory.mktemp("try")) as cluster:
        yield cluster


def pods(cluster, *names):
    return [one for one in workloads(cluster.overlay) if one.name in names]


def pay(cluster, reference):
    body = {
        "TransID": new_id(),
        "TransTime": "20261123101500",
        "TransAmount": "1000.00",
        "BusinessShortCode": "600100",
        "BillRefNumber": reference,
        "MSISDN": "254712000001",
    }
    path = f"/callbackprocess/{secret('intake')['callback-secrets']}"
    return httpx.post(f"http://{cluster.address('intake')}:8080{path}", json=body, timeout=30, trust_env=False).json()


def lines(cluster):
    """Which lines the simulated router has switched on."""
    answer = httpx.get(f"http://{cluster.address('router')}:18080/secrets", trust_env=False).json()
    return {one["name"] for one in answer if one["disabled"] == "false"}


@contextmanager
def paused(cluster, name):
    subprocess.run(["docker", "pause", cluster.container(name)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "unpause", cluster.container(name)], check=True, capture_output=True)


def test_a_payment_switches_its_line_on(trying):
    assert pay(trying, "0949AQ")["processingResult"]["outcome"] == "customer_paid"
    eventually(lambda: "0949AQ" in lines(trying))


def test_while_the_database_is_away_its_services_are_not_ready_and_nobody_restarts_them(trying):
    with paused(trying, "mysql"):
        for pod in pods(trying, *SERVICES):
            eventually(lambda pod=pod: not trying.is_well(pod, "readinessProbe"))
            assert trying.is_well(pod, "livenessProbe")
        (intake,) = pods(trying, "intake")
        assert pay(trying, "0950AR")["processingResult"]["outcome"] == "spooled"
        assert trying.is_well(intake, "readinessProbe")
    for pod in pods(trying, *SERVICES):
        trying.wait_until_ready(pod)
    eventually(lambda: "0950AR" in lines(trying))


def test_prometheus_reads_each_process_at_the_port_that_is_named_for_it(trying):
    for pod in pods(trying, "intake", "dispatcher", *SERVICES):
        url = f"http://{trying.address(pod.name)}:{pod.ports['metrics']}/metrics"
        assert "rejesha_build_info{" in httpx.get(url, trust_env=False).text


def test_a_database_of_another_authority_is_told_nothing(trying, tmp_path):
    authority.create(tmp_path)
    believing_another = replace(trying, folder=tmp_path)
    for job in pods(trying, *(f"migrate-{service}" for service in SERVICES)):
        for container in job.containers:
            with pytest.raises(subprocess.CalledProcessError) as refused:
                believing_another.run(job, container, "--rm")
            assert "CERTIFICATE_VERIFY_FAILED" in refused.value.stderr


def test_the_tasks_that_keda_counts_are_those_that_are_due(trying):
    (scaled,) = manifests("production with keda", "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    password = secret("mysql")["mysql-password"]
    address = trying.address("mysql")
    encrypted = {"ca": str(trying.folder / authority.FOLDER / AUTHORITY), "check_hostname": False}
    with pymysql.connect(
        host=address, user="rejesha", password=password, database="rejesha", ssl=encrypted
    ) as connection:
        cursor = connection.cursor()

        def counted():
            connection.commit()
            cursor.execute(trigger["metadata"]["query"])
            ((count,),) = cursor.fetchall()
            return count

        eventually(lambda: counted() == 0)
        with paused(trying, "dispatcher"):
            pay(trying, "0951AS")
            eventually(lambda: counted() > 0)
        eventually(lambda: counted() == 0)


def test_what_is_for_business_comes_up_beside_a_mysql_of_the_operator_s_own(images, tmp_path_factory):
    with applied("production", tmp_path_factory.mktemp("production")) as cluster:
        asked = ["docker", "exec", cluster.container("operator"), "python", "-m", "rejesha_cli", "isp", "list"]
        assert subprocess.run(asked, check=True, capture_output=True, text=True).returncode == 0
        states = httpx.get(f"http://{cluster.address('intake')}:8080/health", timeout=30, trust_env=False).json()
    assert states["services"] == dict.fromkeys(states["services"], "serving")
