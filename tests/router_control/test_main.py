"""The process as an operator starts it."""

import os
import signal
import subprocess
import sys

import grpc
import pytest
from cryptography.fernet import Fernet
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc

from chaos.ports import free_port

KEY = Fernet.generate_key().decode()


@pytest.fixture
def environment(database_url):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
    return clean | {
        "REJESHA_DATABASE_URL": database_url,
        "REJESHA_ROUTER_CONTROL_PORT": str(free_port()),
        "REJESHA_ROUTER_CONTROL_KEYS": KEY,
        "REJESHA_PLAINTEXT": "true",
        "REJESHA_LOG_LEVEL": "DEBUG",
        "REJESHA_ROUTEROS_USER": "rejesha",
        "REJESHA_ROUTEROS_PASSWORD": "mango-tree-7",
    }


def run(environment, *arguments):
    command = [sys.executable, "-m", "router_control", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_migrates_serves_switches_a_line_with_the_default_login_and_stops_when_told(environment, router, server):
    assert run(environment, "migrate").returncode == 0
    router.add_secret("u", disabled=True)
    process = subprocess.Popen([sys.executable, "-m", "router_control"], env=environment, stderr=subprocess.PIPE)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{environment['REJESHA_ROUTER_CONTROL_PORT']}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            stub = pb_grpc.RouterControlServiceStub(channel)
            registered = pb.Router(name="r1", address="127.0.0.1", port=server.port)
            request = pb.CreateRouterRequest(router=registered, use_default_login=True)
            router_id = stub.CreateRouter(request).router.router_id
            change = pb.AccessChange(username="u", access=pb.ACCESS_ENABLED)
            set_ = stub.SetAccess(pb.SetAccessRequest(router_id=router_id, changes=[change]), timeout=10)
            assert [result.outcome for result in set_.results] == [pb.ACCESS_OUTCOME_CHANGED]
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert b"mango-tree-7" not in said
    assert not router.is_disabled("u")


def test_passwords_are_put_under_a_new_key_on_command(environment):
    assert run(environment, "migrate").returncode == 0
    rotated = run(environment | {"REJESHA_ROUTER_CONTROL_KEYS": f"{Fernet.generate_key().decode()},{KEY}"}, "reencrypt")
    assert rotated.returncode == 0
    assert '"count": 0' in rotated.stderr


@pytest.mark.parametrize("keys", ["", "not-a-key", f"{KEY},short"], ids=["none", "no key", "one of two"])
def test_a_missing_or_malformed_key_stops_the_boot_and_is_not_shown(sqlite_url, keys):
    result = run({"PATH": os.environ["PATH"], "REJESHA_DATABASE_URL": sqlite_url, "REJESHA_ROUTER_CONTROL_KEYS": keys})
    assert result.returncode == 2
    assert "REJESHA_ROUTER_CONTROL_KEYS" in result.stderr
    assert not keys or keys not in result.stderr


def test_an_unknown_command_is_refused_with_the_usage(environment):
    result = run(environment, "migarte")
    assert result.returncode != 0
    assert "usage" in result.stderr
