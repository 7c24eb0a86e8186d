"""No service speaks in plain text beyond this machine unless it was told to."""

import os
import signal
import subprocess
import sys

import pytest
import structlog
from cryptography.fernet import Fernet
from servicekit.listening import is_loopback, joined
from servicekit.rpc.server import Server

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


@pytest.mark.processes
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_a_service_that_others_could_reach_unencrypted_does_not_start(environment, service, bind):
    done = subprocess.run(
        [sys.executable, "-m", service],
        env={**environment, "REJESHA_BIND": bind},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "REJESHA_BIND" in done.stderr
    assert "REJESHA_PLAINTEXT=true" in done.stderr


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
