"""The simulator as a process: flags, control endpoint, and what a kill leaves behind."""

import json
import signal
import subprocess
import sys

import httpx
import librouteros
import pytest

FLAGS = ["--port", "0", "--control-port", "0", "--password", "router-pass"]


@pytest.fixture
def start():
    """Starts processes; each ends with the test."""
    running, clients = [], []

    def start(*flags):
        command = [sys.executable, "-m", "simulators.routeros", *FLAGS, *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        ready = json.loads(process.stdout.readline())
        clients.append(httpx.Client(base_url=f"http://127.0.0.1:{ready['control_port']}"))
        return process, ready["routers"], clients[-1]

    yield start
    for client in clients:
        client.close()
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def connect(router, **options):
    return librouteros.connect("127.0.0.1", "rejesha", "router-pass", port=router["port"], **options)


def test_a_killed_process_comes_back_with_its_secrets_and_other_ids(start, tmp_path):
    flags = [
        "--state-file",
        str(tmp_path / "state"),
        "--secret",
        "0949AQ:disabled",
        "--secret",
        "gone",
        "--secret",
        "on",
    ]
    process, [router], _control = start(*flags)
    api = connect(router, encoding="utf-8")
    secrets = api.path("ppp", "secret")
    tuple(secrets("enable", **{".id": "0949AQ"}))
    secrets.add(name="José", comment="new")
    secrets.update(**{".id": "on", "name": "renamed"})
    secrets.remove("gone")
    before = {row["name"]: row for row in secrets}
    process.send_signal(signal.SIGKILL)
    process.wait()
    api.close()
    with (tmp_path / "state").open("a") as torn:
        torn.write('{"id": "*1", "ro')

    _process, [router], control = start("--state-file", str(tmp_path / "state"), "--secret", "0949AQ:disabled")
    after = control.get("/secrets").json()
    assert [(row["name"], row["disabled"]) for row in after] == [
        ("0949AQ", "false"),
        ("renamed", "false"),
        ("José", "false"),
    ]
    assert {row[".id"] for row in after}.isdisjoint(row[".id"] for row in before.values())
    api = connect(router)
    tuple(api("/ppp/secret/disable", **{".id": "renamed"}))
    api.close()
    assert [row["disabled"] for row in control.get("/secrets").json()] == ["false", "true", "false"]


def test_a_file_that_is_no_state_is_left_alone(tmp_path):
    path = tmp_path / "state"
    path.write_text("a diary\n")
    command = [sys.executable, "-m", "simulators.routeros", *FLAGS, "--state-file", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "line 1: not a router's state" in ended.stderr
    assert path.read_text() == "a diary\n"


def test_several_routers_are_looked_at_and_broken_one_by_one(start):
    _process, routers, control = start("--routers", "3", "--secret", "u1", "--version", "7.17")
    assert [row["name"] for row in control.get("/").json()] == ["router-1", "router-2", "router-3"]
    assert control.post("/faults?router=1", json={"mode": "half-open"}).status_code == 200
    assert [fault["mode"] for fault in control.get("/faults?router=1").json()] == ["half-open"]
    with pytest.raises(TimeoutError):
        connect(routers[1], timeout=0.3)
    connect(routers[2]).close()
    assert control.post("/faults/clear?router=1").status_code == 200
    connect(routers[1]).close()
    assert control.get("/counts?router=2").json() == {"/login": 1}


def test_the_control_endpoint_dials_restarts_and_adds(start):
    _process, [router], control = start("--secret", "u1", "--tls-port", "0")
    assert router["tls_port"] > 0
    added = control.post("/secrets", json={"name": "u2", "disabled": True, "comment": "late"}).json()
    assert (added["disabled"], added["comment"]) == ("true", "late")
    assert control.post("/dial", json={"name": "u1"}).json() == {".id": "*1"}
    assert [row["name"] for row in control.get("/active").json()] == ["u1"]
    assert control.post("/dial", json={"name": "u2"}).status_code == 409
    control.post("/hang-up", json={"name": "u1"})
    assert control.get("/active").json() == []
    before = {row[".id"] for row in control.get("/secrets").json()}
    assert control.post("/restart").status_code == 200
    assert before.isdisjoint(row[".id"] for row in control.get("/secrets").json())


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/faults", '{"mode": "sulk"}', 400, "there is no fault 'sulk'"),
        ("/faults", '{"mode": "delay", "secs": 1}', 400, "a fault has no 'secs'"),
        ("/faults", '{"mode": "delay", "seconds": "1"}', 400, "seconds and times are numbers"),
        ("/faults", '{"mode": "delay", "commands": "/ppp"}', 400, "commands is a list"),
        ("/faults", "mode=delay", 400, "not JSON"),
        ("/faults", "[]", 400, "not a JSON object"),
        ("/dial", "{}", 400, "name is missing"),
        ("/secrets", '{"name": "u1"}', 400, "same name already exists"),
        ("/secrets", "x" * 2_000_000, 400, "at most 1048576 bytes"),
        ("/dial?router=7", "{}", 400, "no router 7"),
        ("/nothing", "{}", 404, "no POST /nothing"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_with_it(start_once, path, body, status, error):
    answer = start_once.post(path, content=body)
    assert answer.status_code == status
    assert error in answer.json()["error"]
    assert start_once.get("/faults").json() == []


@pytest.mark.parametrize(("path", "body"), [("/nothing", "{}"), ("/secrets", "x" * 2_000_000)])
def test_who_is_hung_up_on_is_told_so(start_once, path, body):
    assert start_once.post(path, content=body).headers["connection"] == "close"


@pytest.fixture(scope="module")
def start_once():
    command = [sys.executable, "-m", "simulators.routeros", *FLAGS, "--secret", "u1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = json.loads(process.stdout.readline())["control_port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("flags", [["--secret", "u1:off"], ["--policies", "fly"], ["--version", "new"]])
def test_a_bad_flag_is_named(flags):
    command = [sys.executable, "-m", "simulators.routeros", *FLAGS, *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert flags[1].removeprefix("u1:") in ended.stderr
    assert "Traceback" not in ended.stderr
