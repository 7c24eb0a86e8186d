"""Runs the command in this process, beside fakes of the services and pytest-httpserver as the gateway."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import (
    account_service_pb2_grpc,
    payment_service_pb2_grpc,
    quarantine_service_pb2_grpc,
    task_service_pb2_grpc,
)
from rejesha.notify.v1 import notify_service_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2 as routers
from rejesha.router_control.v1 import router_control_service_pb2_grpc
from rejesha_cli.__main__ import main

from tests.cli.fakes import FakeBilling, FakeNotify, FakeRouterControl, serve


@pytest.fixture(autouse=True)
def _quiet_servers():
    """What the fakes log must not stand in the command's output."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
def billing():
    return FakeBilling(
        isps={1: account_pb.Isp(isp_id=1, name="Demo Networks", sms_account="SMS001", wallet_cents=123456)}
    )


@pytest.fixture
def router_control():
    return FakeRouterControl(registry={1: routers.Router(router_id=1, name="Tower 1", address="10.0.0.1")})


@pytest.fixture
def notifier():
    return FakeNotify()


@pytest.fixture
def billing_target(billing):
    yield from serve(
        billing,
        account_service_pb2_grpc.add_AccountServiceServicer_to_server,
        payment_service_pb2_grpc.add_PaymentServiceServicer_to_server,
        quarantine_service_pb2_grpc.add_QuarantineServiceServicer_to_server,
        task_service_pb2_grpc.add_TaskServiceServicer_to_server,
    )


@pytest.fixture
def router_control_target(router_control):
    yield from serve(router_control, router_control_service_pb2_grpc.add_RouterControlServiceServicer_to_server)


@pytest.fixture
def notify_target(notifier):
    yield from serve(notifier, notify_service_pb2_grpc.add_NotifyServiceServicer_to_server)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Rejesha = Callable[..., Ended]


@pytest.fixture
def rejesha(monkeypatch, capsys, tmp_path) -> Rejesha:
    """Runs the command in an empty directory with an environment that sets nothing."""
    for name in [name for name in os.environ if name.startswith("REJESHA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, stdin: str = "") -> Ended:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def installation(rejesha, monkeypatch, billing_target, router_control_target, notify_target, httpserver) -> Rejesha:
    """Runs the command beside all fakes."""
    monkeypatch.setenv("REJESHA_BILLING_TARGET", billing_target)
    monkeypatch.setenv("REJESHA_ROUTER_CONTROL_TARGET", router_control_target)
    monkeypatch.setenv("REJESHA_NOTIFY_TARGET", notify_target)
    monkeypatch.setenv("REJESHA_GATEWAY_URL", httpserver.url_for(""))
    monkeypatch.setenv("REJESHA_API_TOKEN", "operators-token")
    return rejesha
