"""Where the command looks for its settings, and what it says when something does not answer."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rejesha_cli.channels import Channels, Service
from rejesha_cli.errors import ServiceUnreachable
from rejesha_cli.settings import Settings, with_env_file

from chaos.ports import free_port

TIMELINE = {"payment": {"transactionId": "QGH7SK61SU", "outcome": "unmatched"}, "timeline": [], "tasks": []}


def test_nothing_set_means_this_machine(rejesha):
    settings = Settings.load()
    assert (settings.billing_target, settings.gateway_url) == ("127.0.0.1:50051", "http://127.0.0.1:8080")
    assert (settings.router_control_target, settings.notify_target) == ("127.0.0.1:50052", "127.0.0.1:50053")


def test_another_user_s_make_run_is_none_of_ours(rejesha, tmp_path, monkeypatch):
    write_run_file(tmp_path, BILLING_TARGET="theirs:1")
    stat = os.stat

    def as_another_user(path, *arguments, **options):
        if "var" in Path(path).parts[-2:]:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", as_another_user)
    assert Settings.load().billing_target == "127.0.0.1:50051"


def write_run_file(directory: Path, **values: str) -> None:
    path = directory / "var" / "run.env"
    path.parent.mkdir()
    path.write_text(
        "# written by make run\n\n" + "".join(f"REJESHA_{name}={value}\n" for name, value in values.items())
    )


def test_a_running_make_run_is_found_from_the_current_directory_upwards(rejesha, httpserver, tmp_path, monkeypatch):
    write_run_file(tmp_path, GATEWAY_URL=httpserver.url_for(""), API_TOKEN="of=make-run==")
    httpserver.expect_request(
        "/payments/QGH7SK61SU", headers={"Authorization": "Bearer of=make-run=="}
    ).respond_with_json(TIMELINE)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert rejesha("payment", "show", "qgh7sk61su", "--json").document == TIMELINE


def test_the_environment_wins_over_a_file_and_both_over_make_run(rejesha, tmp_path, monkeypatch):
    write_run_file(tmp_path, API_TOKEN="run", BILLING_TARGET="run:1", NOTIFY_TARGET="run:3")
    (tmp_path / "token").write_text("file\n")
    monkeypatch.setenv("REJESHA_API_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("REJESHA_BILLING_TARGET_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("REJESHA_BILLING_TARGET", "environment:1")
    settings = Settings.load()
    assert (settings.billing_target, settings.api_token, settings.notify_target) == ("environment:1", "file", "run:3")


def test_the_secret_of_make_run_opens_the_callback(rejesha, httpserver, tmp_path):
    write_run_file(tmp_path, GATEWAY_URL=httpserver.url_for(""), CALLBACK_SECRETS="first-secret,second-secret")
    httpserver.expect_request("/callbackprocess/first-secret").respond_with_json({"success": True})
    assert rejesha("payment", "send-sample").code == 0


def test_a_file_that_is_not_there_is_a_usage_error(rejesha, monkeypatch):
    monkeypatch.setenv("REJESHA_API_TOKEN_FILE", "/nowhere/token")
    ended = rejesha("payment", "list")
    assert (ended.code, ended.out) == (2, "")
    assert "/nowhere/token" in ended.err


@pytest.fixture
def nobody_there() -> str:
    """An address that refuses connections."""
    return f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        (["payment", "list"], "REJESHA_BILLING_TARGET"),
        (["router", "list"], "REJESHA_ROUTER_CONTROL_TARGET"),
        (["message", "list"], "REJESHA_NOTIFY_TARGET"),
        (["payment", "show", "QGH7SK61SU"], "REJESHA_GATEWAY_URL"),
    ],
)
def test_what_does_not_answer_is_named_with_its_setting(rejesha, monkeypatch, nobody_there, command, setting):
    monkeypatch.setenv(setting, f"http://{nobody_there}" if setting.endswith("URL") else nobody_there)
    monkeypatch.setenv("REJESHA_API_TOKEN", "token")
    ended = rejesha(*command, "--json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert setting in ended.err
    assert nobody_there in ended.err


def test_what_takes_the_call_and_never_answers_is_named_with_its_setting(rejesha):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        service = Service("billing", target, "REJESHA_BILLING_TARGET", deadline_seconds=0.2)
        channels = Channels(Settings.load())
        with pytest.raises(ServiceUnreachable, match=r"did not answer within 0.2 seconds: REJESHA_BILLING_TARGET"):
            channels.health(service)
        channels.close()


def test_another_service_in_its_place_is_named_with_its_setting(rejesha, monkeypatch, notifier):
    monkeypatch.setenv("REJESHA_BILLING_TARGET", notifier.target)
    ended = rejesha("payment", "list")
    assert ended.code == 1
    assert "is not billing" in ended.err
    assert "REJESHA_BILLING_TARGET" in ended.err


def test_something_that_is_no_gateway_is_named_with_its_setting(rejesha, monkeypatch, httpserver):
    httpserver.expect_request("/payments/X").respond_with_data("<html>", content_type="text/html")
    monkeypatch.setenv("REJESHA_API_TOKEN", "token")
    monkeypatch.setenv("REJESHA_GATEWAY_URL", httpserver.url_for(""))
    ended = rejesha("payment", "show", "X")
    assert ended.code == 1
    assert "is not the gateway (HTTP 200): REJESHA_GATEWAY_URL" in ended.err


def test_an_address_that_is_no_url_is_named_with_its_setting(rejesha, monkeypatch):
    monkeypatch.setenv("REJESHA_GATEWAY_URL", "gateway:8080")
    monkeypatch.setenv("REJESHA_API_TOKEN", "token")
    assert "REJESHA_GATEWAY_URL is no http address" in rejesha("payment", "show", "X").err


def test_no_error_shows_a_whole_phone_number(installation):
    ended = installation("customer", "show", "254712345678")
    assert ended.code == 1
    assert "254712***678" in ended.err
    assert "254712345678" not in ended.err


def test_the_installed_command_answers_programs_and_people(httpserver, tmp_path):
    httpserver.expect_request("/payments/QGH7SK61SU").respond_with_json(TIMELINE)
    write_run_file(tmp_path, GATEWAY_URL=httpserver.url_for(""), API_TOKEN="token")
    command = [str(Path(sys.executable).parent / "rejesha"), "payment", "show", "QGH7SK61SU"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}

    def run(*more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more],
            cwd=tmp_path,
            env=bare | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert json.loads(run("--json").stdout) == TIMELINE
    assert "QGH7SK61SU" in run(PYTHONIOENCODING="ascii").stdout


def test_a_file_of_settings_is_read_below_the_environment(rejesha, tmp_path, monkeypatch):
    write_run_file(tmp_path, API_TOKEN="run")
    (tmp_path / "token").write_text("file\n")
    (tmp_path / "rejesha.env").write_text(
        "# of the services\nexport REJESHA_BILLING_TARGET='billing:1'\nREJESHA_NOTIFY_TARGET=notify:3\n"
        f"REJESHA_API_TOKEN_FILE={tmp_path / 'token'}\n"
    )
    monkeypatch.setenv("REJESHA_NOTIFY_TARGET", "environment:3")
    settings = Settings.load(tmp_path / "rejesha.env")
    # var/run.env is not read beside a file that is named.
    assert (settings.billing_target, settings.notify_target, settings.api_token) == (
        "billing:1",
        "environment:3",
        "file",
    )


def test_a_database_of_the_environment_wins_over_the_file_s_one_for_a_service_alone():
    ours = {"REJESHA_DATABASE_URL": "mysql://live/rejesha"}
    file = {"REJESHA_BILLING_DATABASE_URL": "sqlite:////demo.db", "REJESHA_SHORTCODES": "600100"}
    assert with_env_file(ours, file) == ours | {"REJESHA_SHORTCODES": "600100"}
    assert with_env_file({"REJESHA_SHORTCODES_FILE": "/s"}, file).get("REJESHA_SHORTCODES") is None
