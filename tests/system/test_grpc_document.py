"""docs/grpc.md, as another system's programmer reads it: each example runs as it stands, against the real processes."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from cryptography.fernet import Fernet
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub
from servicekit.rpc import certificates
from servicekit.rpc.channel import connect

from chaos.ports import free_port
from simulators.routeros import Router, RouterServer, User
from tests.issuing import Authority

# As the document has them signed.
GRANTS = (
    "notify.SendMessages", "notify.GetMessage", "notify.ListTemplates",
    "router-control.SetAccess", "router-control.GetAccess",
)  # fmt: skip
DOCUMENT = Path(__file__).parents[2] / "docs" / "grpc.md"


@pytest.fixture
def router():
    router = Router(User("rejesha", "mango-tree-7"))
    router.add_secret("0949AQ", disabled=True)
    router.add_secret("0950AQ")
    router.dial("0950AQ")
    return router


@pytest.fixture
def ports(router, tmp_path, monkeypatch):
    """router-control and notify as processes, with one router; their ports by the ones that the document names."""
    ports = {50052: free_port(), 50053: free_port()}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")} | {
        "REJESHA_DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
        "REJESHA_ROUTER_CONTROL_PORT": str(ports[50052]),
        "REJESHA_ROUTER_CONTROL_KEYS": Fernet.generate_key().decode(),
        "REJESHA_NOTIFY_PORT": str(ports[50053]),
        "REJESHA_NOTIFY_SENDER": "console",
    }
    ours = Authority(tmp_path / "certificates")
    operator = certificates.read(ours.process("operator"))
    ours.system("crm", *GRANTS)
    monkeypatch.chdir(tmp_path)
    with ExitStack() as running, RouterServer(router) as server:
        for service, port in zip(("router_control", "notify"), ports.values(), strict=True):
            command, name = [sys.executable, "-m", service], service.replace("_", "-")
            its = environment | {"REJESHA_TLS_DIRECTORY": str(ours.process(name))}
            subprocess.run([*command, "migrate"], env=its, capture_output=True, timeout=60, check=True)
            running.callback(subprocess.Popen(command, env=its).kill)
            with connect(f"127.0.0.1:{port}", service=name, certificate=operator) as channel:
                health = health_pb2_grpc.HealthStub(channel)
                health.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True)
        with connect(f"127.0.0.1:{ports[50052]}", service="router-control", certificate=operator) as channel:
            registered = pb.Router(
                name="r1", address="127.0.0.1", port=server.port, username="rejesha", password="mango-tree-7"
            )
            RouterControlServiceStub(channel).CreateRouter(pb.CreateRouterRequest(router=registered), timeout=10)
        yield ports


def test_each_example_for_other_systems_runs_as_it_stands(ports, router, capsys):
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    known = {}
    for example in examples:
        for written, used in ports.items():
            example = example.replace(f"127.0.0.1:{written}", f"127.0.0.1:{used}")  # noqa: PLW2901
        exec(compile(example, str(DOCUMENT), "exec"), known)
    assert (router.is_disabled("0949AQ"), router.is_disabled("0950AQ"), router.active()) == (False, True, [])
    assert capsys.readouterr().out.splitlines()[:3] == [
        "0949AQ ACCESS_OUTCOME_CHANGED ACCESS_ENABLED ",
        "0950AQ ACCESS_OUTCOME_CHANGED ACCESS_DISABLED ",
        "0949AQ ACCESS_ENABLED sessions: 0",
    ]
    assert known["reason_of"](known_failure(known)) == "MESSAGE_NOT_FOUND"
    assert known["message"].subject == "crm"


def known_failure(known):
    with pytest.raises(grpc.RpcError) as failed:
        known["notify"].GetMessage(known["notify_pb"].GetMessageRequest(message_id="crm:no-such"), timeout=10)
    return failed.value
