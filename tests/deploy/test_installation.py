"""An installation in containers keeps the promise: whatever dies, the payment ends in a line that is on."""

import subprocess

import pytest
import sqlalchemy as sa

from tests.deploy.running import eventually, new_id

LINE = "0949AQ"
SERVICES = ("proxy", "intake", "dispatcher", "billing", "router-control", "notify", "mysql", "router", "textsms")
ON_THE_WAY_IN = ("proxy", "intake")


def test_a_payment_through_the_published_port_ends_in_a_line_that_is_on(installation):
    assert not installation.is_enabled(LINE)
    answer = installation.pay(LINE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["processingResult"]["outcome"] == "customer_paid"
    eventually(lambda: installation.is_enabled(LINE))
    eventually(lambda: installation.open_tasks() == 0)
    # To the customer, the ISP and two admins; the provider's answers are understood.
    eventually(lambda: states_of_messages(installation, answer.json()["transactionId"]) == ["sent"] * 4)


def states_of_messages(installation, trans_id):
    return [message["state"] for message in installation.told(trans_id)["messages"]]


def test_each_container_is_shut_in(installation):
    for service in SERVICES:
        (container,) = installation.containers(service)
        host, published = container["HostConfig"], container["NetworkSettings"]["Ports"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["Memory"], service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert bool([port for port in published.values() if port]) == (service == "proxy"), service
        if service != "mysql":
            assert not host["CapAdd"], service
            assert container["Config"]["User"] == "10001:10001", service


def test_services_answer_the_command_and_nobody_who_shows_no_certificate(installation):
    run = ("run", "--rm", "--no-deps")
    assert "Demo Networks" in installation.compose(*run, "rejesha", "isp", "list")
    anonymous = ("--env", "REJESHA_TLS_DIRECTORY=", "--env", "REJESHA_PLAINTEXT=true")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        installation.compose(*run, *anonymous, "rejesha", "isp", "list")
    assert "billing cannot be reached" in f"{refused.value.stdout}{refused.value.stderr}"


def test_the_database_is_talked_to_encrypted_and_nobody_who_serves_may_drop_a_table(installation):
    host = installation.address("mysql", "data")
    authority = {
        "ssl_ca": str(installation.home / "certificates" / "billing" / "ca.crt"),
        "ssl_check_hostname": "false",
    }
    for service in ("billing", "router-control", "notify"):
        url = sa.make_url(installation.secret(f"{service}-database-url")).set(host=host, drivername="mysql+pymysql")
        with sa.create_engine(url.update_query_dict(authority)).connect() as connection:
            assert connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1]
            with pytest.raises(sa.exc.OperationalError, match="DROP command denied"):
                connection.exec_driver_sql("DROP TABLE ledger_transfers")
    migrating = sa.make_url(installation.secret("database-url")).set(host=host, drivername="mysql+pymysql")
    with pytest.raises(sa.exc.OperationalError, match="require_secure_transport"):
        sa.create_engine(migrating, connect_args={"ssl_disabled": True}).connect()


@pytest.mark.parametrize("service", SERVICES)
def test_whichever_container_dies_the_payment_ends(installation, service):
    installation.disable(LINE)
    installation.crash(service)
    check_that_a_payment_ends(installation)


@pytest.mark.parametrize("service", SERVICES)
def test_whichever_container_is_killed_the_payment_ends(installation, service):
    """With `docker compose kill`, which the engine takes for the operator's wish: it starts nothing again by itself."""
    installation.disable(LINE)
    installation.compose("kill", service)
    trans_id = new_id()
    if service not in ON_THE_WAY_IN:  # what is promised meanwhile is kept
        assert installation.is_accepted(LINE, trans_id)
    installation.compose("up", "--detach", "--no-deps", "--no-recreate", service)
    check_that_a_payment_ends(installation, trans_id)


def check_that_a_payment_ends(installation, trans_id=""):
    """One that may have been answered already: M-Pesa sends it again."""
    trans_id = trans_id or new_id()
    eventually(lambda: installation.is_accepted(LINE, trans_id))
    eventually(lambda: installation.is_enabled(LINE))
    eventually(lambda: installation.open_tasks() == 0)
    assert trans_id in installation.recorded()
    installation.check_books()
