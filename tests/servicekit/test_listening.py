"""No service speaks in plain text beyond this machine unless it was told to."""

import os
import signal
import subprocess
import sys

import pytest
import structlog
from billing.settings import BillingSettings
from cryptography.fernet import Fernet
from servicekit.listening import is_loopback, joined
from servicekit.rpc.server import Server

from tests.issuing import Authority

TOKEN = "a-token-for-the-tests-of-listening"
SERVICES = ["billing", "router_control", "notify", "gateway"]


@pytest.fixture
def environment(tmp_path):
    """Everything that any of the services asks for."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
    targets = {f"REJESHA_{name}_TARGET": "127.0.0.1:9" for name in ("BILLING", "ROUTER_CONTROL", "NOTIFY")}
    ports = {f"REJESHA_{name}_PORT": "0" for name in ("GATEWAY", "BILLING", "ROUTER_CONTROL", "NOTIFY")}
    return {
        **ours,
        **targets,
        **ports,
        "REJESHA_DATABASE_URL": f"sqlite:///{tmp_path}/one.db",
        "REJESHA_SHORTCODES": "600000",
        "REJESHA_ROUTER_CONTROL_KEYS": Fernet.generate_key().decode(),
        "REJESHA_NOTIFY_SENDER": "console",
        "REJESHA_API_TOKEN": TOKEN,
        "REJESHA_CALLBACK_SECRETS": TOKEN,
        "REJESHA_GATEWAY_SPOOL": str(tmp_path / "spool"),
    }


@pytest.fixture
def certificate(tmp_path):
    """The setting that names one."""
    return {"REJESHA_TLS_DIRECTORY": str(Authority(tmp_path / "certificates").process("billing"))}


def refusal(environment, service):
    """What a service says that does not start with these settings."""
    command = [sys.executable, "-m", service]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "REJESHA_PLAINTEXT=true" in done.stderr
    return done.stderr


@pytest.mark.processes
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_service_without_a_certificate_does_not_start_unless_it_is_told_to_speak_in_plain_text(
    environment, service, bind
):
    assert "REJESHA_TLS_DIRECTORY is missing" in refusal({**environment, "REJESHA_BIND": bind}, service)


@pytest.mark.processes
@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_a_gateway_that_others_could_reach_over_http_does_not_start(environment, bind, certificate):
    assert "REJESHA_BIND" in refusal({**environment, **certificate, "REJESHA_BIND": bind}, "gateway")


def test_a_certificate_lets_a_service_listen_where_others_reach_it(environment, certificate, monkeypatch):
    for name, value in {**environment, **certificate, "REJESHA_BIND": "0.0.0.0"}.items():
        monkeypatch.setenv(name, value)
    assert BillingSettings.faults() == []


def test_a_certificate_that_is_not_there_is_said_to_be_missing(environment, tmp_path, monkeypatch):
    for name, value in {**environment, "REJESHA_TLS_DIRECTORY": str(tmp_path / "nowhere")}.items():
        monkeypatch.setenv(name, value)
    (fault,) = BillingSettings.faults()
    assert fault.startswith("REJESHA_TLS_DIRECTORY is wrong")
    assert "tls.key" in fault


@pytest.mark.processes
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_was_told_to_speak_in_plain_text_warns_at_each_start(environment, service):
    process = subprocess.Popen(
        [sys.executable, "-m", service],
        env={**environment, "REJESHA_BIND": "0.0.0.0", "REJESHA_PLAINTEXT": "true"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("listens_in_plaintext" in line for line in process.stderr)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_on_loopback_nothing_is_warned_of(address):
    server = Server(address, threads=1, probe=lambda: True)
    with structlog.testing.capture_logs() as events:
        server.start()
    server.stop(0)
    assert server.port
    assert not events


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:0.0.0.0", False),
        ("10.0.0.1", False),
        ("fe80::1", False),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("billing", False),
        ("0", False),
        ("", False),
    ],
)
def test_only_this_machine_s_own_addresses_are_loopback(host, loopback):
    assert is_loopback(host) is loopback


def test_an_address_of_ip_6_is_told_apart_from_its_port():
    assert (joined("::1", 5), joined("127.0.0.1", 5)) == ("[::1]:5", "127.0.0.1:5")
