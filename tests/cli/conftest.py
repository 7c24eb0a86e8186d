"""Runs the command in this process, beside the real services on SQLite and pytest-httpserver as the gateway."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from rejesha_cli.__main__ import main

from tests.cli import serving


@pytest.fixture(autouse=True)
def _quiet_servers() -> Iterator[None]:
    """What the services log must not stand in the command's output."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file with the tables of each service."""
    directory = tmp_path_factory.mktemp("migrated")
    return {service: serving.migrated(service, directory) for service in serving.MIGRATIONS}


@pytest.fixture
def billing(migrated, tmp_path_factory) -> Iterator[serving.Billing]:
    with serving.serve_billing(migrated["billing"], tmp_path_factory.mktemp("billing")) as served:
        yield served


@pytest.fixture
def router_control(migrated, tmp_path_factory) -> Iterator[serving.RouterControl]:
    with serving.serve_router_control(migrated["router_control"], tmp_path_factory.mktemp("routers")) as served:
        yield served


@pytest.fixture
def notifier(migrated, tmp_path_factory) -> Iterator[serving.Notify]:
    with serving.serve_notify(migrated["notify"], tmp_path_factory.mktemp("notify")) as served:
        yield served


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
    """Runs the command in an empty directory with an environment that sets nothing but that all is in plain text."""
    for name in [name for name in os.environ if name.startswith("REJESHA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REJESHA_PLAINTEXT", "true")
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
def installation(rejesha, monkeypatch, billing, router_control, notifier, httpserver) -> Rejesha:
    """Runs the command beside all services."""
    monkeypatch.setenv("REJESHA_BILLING_TARGET", billing.target)
    monkeypatch.setenv("REJESHA_ROUTER_CONTROL_TARGET", router_control.target)
    monkeypatch.setenv("REJESHA_NOTIFY_TARGET", notifier.target)
    monkeypatch.setenv("REJESHA_GATEWAY_URL", httpserver.url_for(""))
    monkeypatch.setenv("REJESHA_API_TOKEN", "operators-token")
    return rejesha
