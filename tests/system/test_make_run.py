"""`make run`: whose ports and files it uses, what its processes know, and what it does on a real database."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from chaos.ports import free_port
from deploy import demo
from deploy.local.processes import NotReady, Process, answering
from tests.system.making_run import PORTS, ended, own_ports, running

SECRETS = {
    "REJESHA_CALLBACK_SECRETS": "a-secret-of-the-callbacks-path",
    "REJESHA_API_TOKEN": "a-token-that-opens-the-timeline",
    "REJESHA_ROUTEROS_USER": "admin",
    "REJESHA_ROUTEROS_PASSWORD": "a-password-of-the-routers",
    "AWS_SECRET_ACCESS_KEY": "somebody-else-s",
}
BUSINESS = {
    "REJESHA_SHORTCODES": "600100",
    "REJESHA_ADMIN_PHONES": "254722000001",
    "REJESHA_CALLBACK_SECRETS": SECRETS["REJESHA_CALLBACK_SECRETS"],
    "REJESHA_NOTIFY_SENDER": "console",
}
SERVICES = {"billing", "router_control", "notify", "gateway", "dispatcher"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A run without configuration, whose state directory was left open by an earlier one."""
    state = tmp_path_factory.mktemp("var")
    (state / "log").mkdir(mode=0o777)
    for name in ("run.env", "billing.db", "log/billing.log"):
        (state / name).touch()
        (state / name).chmod(0o666)
    state.chmod(0o755)
    with running(own_ports() | SECRETS | {"REJESHA_VAR": str(state)}, umask=0) as run:
        yield run


def test_everything_in_the_state_directory_is_its_owner_s_alone(sandbox):
    state = Path(sandbox.values["REJESHA_VAR"])
    url = f"http://127.0.0.1:{sandbox.values['REJESHA_GATEWAY_PORT']}/callbackprocess/{SECRETS['REJESHA_CALLBACK_SECRETS']}"
    httpx.post(url, content=b"no callback")
    found = [state, *state.rglob("*")]
    assert {"billing.db", "billing.db-wal", "run.env", "log", "spool", "router-control-key"} <= {
        path.name for path in found
    }
    assert {path.name: oct(path.stat().st_mode) for path in found if path.stat().st_mode & 0o077} == {}


def test_a_process_has_its_own_settings_and_secrets_only(sandbox):
    known = {
        module: dict(line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in line)
        for module, pid in sandbox.children().items()
    }
    assert known.keys() == SERVICES | {"simulators.routeros", "simulators.textsms"}
    who_knows = {
        name: {module for module, environment in known.items() if name in environment}
        for name in {name for environment in known.values() for name in environment}
    }
    assert who_knows["REJESHA_CALLBACK_SECRETS"] == who_knows["REJESHA_API_TOKEN"] == {"gateway"}
    assert who_knows["REJESHA_ROUTEROS_PASSWORD"] == who_knows["REJESHA_ROUTER_CONTROL_KEYS"] == {"router_control"}
    assert who_knows["REJESHA_TEXTSMS_API_KEY"] == {"notify"}
    assert who_knows["REJESHA_BILLING_DATABASE_URL"] == {"billing"}
    assert who_knows["REJESHA_ADMIN_PHONES"] >= {"billing"}
    assert "notify" not in who_knows["REJESHA_ADMIN_PHONES"]
    assert "AWS_SECRET_ACCESS_KEY" not in who_knows
    assert who_knows["PATH"] == known.keys()
    assert not [name for module in known.keys() - SERVICES for name in known[module] if name.startswith("REJESHA_")]


def test_a_second_run_on_taken_ports_stops_before_it_starts_or_migrates_anything(sandbox, tmp_path):
    given = {name: sandbox.values[name] for name in PORTS} | {"REJESHA_VAR": str(tmp_path / "var")}
    code, words = ended(given)
    assert code == 1
    for name in PORTS:
        assert f"port {given[name]} ({name}) is taken by process " in words
    assert f"is taken by process {sandbox.children()['billing']}: " in words
    assert not list((tmp_path / "var").glob("**/*.db"))
    assert not (tmp_path / "var" / "log").exists()
    assert sandbox.process.poll() is None


def test_a_second_run_on_one_state_directory_is_refused(sandbox):
    code, words = ended(own_ports() | {"REJESHA_VAR": sandbox.values["REJESHA_VAR"]})
    assert (code, f"in use by another make run, process {sandbox.process.pid}" in words) == (1, True)


def test_a_directory_of_somebody_s_own_files_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").touch(mode=0o644)
    code, words = ended(own_ports() | {"REJESHA_VAR": str(tmp_path)})
    assert (code, "holds other files" in words) == (1, True)
    assert (tmp_path / "diary.txt").stat().st_mode & 0o777 == 0o644


def test_the_address_of_another_installation_s_service_is_not_used(tmp_path):
    given = own_ports() | {"REJESHA_VAR": str(tmp_path), "REJESHA_BILLING_TARGET": "127.0.0.1:50999"}
    code, words = ended(given | {"REJESHA_NOTIFY_PORT": given["REJESHA_GATEWAY_PORT"]})
    assert code == 2
    assert "REJESHA_BILLING_TARGET is 127.0.0.1:50999, but make run starts a service of its own" in words
    assert f"REJESHA_NOTIFY_PORT is wrong: {given['REJESHA_GATEWAY_PORT']} is REJESHA_GATEWAY_PORT already" in words


def test_a_stranger_who_answers_on_the_port_does_not_make_a_process_ready(tmp_path):
    theirs, ours = free_port(), free_port()
    stranger = Process("stranger", ["http.server", str(theirs), "--bind", "127.0.0.1"], {}, tmp_path / "stranger")
    ready = answering(f"http://127.0.0.1:{theirs}/")
    process = Process("ours", ["http.server", str(ours), "--bind", "127.0.0.1"], {}, tmp_path / "ours", ready, theirs)
    try:
        stranger.start()
        stranger.ready = ready
        stranger.wait_ready()
        process.start()
        with pytest.raises(NotReady, match="ours was not ready"):
            process.wait_ready(3)
    finally:
        process.stop()
        stranger.stop()


@pytest.mark.parametrize("service", ["gateway", "billing", "router_control", "notify"])
def test_a_service_on_a_taken_port_ends_with_a_sentence(service, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = BUSINESS | {
            f"REJESHA_{service.upper()}_PORT": str(port),
            "REJESHA_PLAINTEXT": "true",
            "REJESHA_DATABASE_URL": f"sqlite:///{tmp_path}/some.db",
            "REJESHA_API_TOKEN": SECRETS["REJESHA_API_TOKEN"],
            "REJESHA_GATEWAY_SPOOL": str(tmp_path / "spool"),
            **{f"REJESHA_{name}_TARGET": "127.0.0.1:9" for name in ("BILLING", "ROUTER_CONTROL", "NOTIFY")},
            "REJESHA_ROUTER_CONTROL_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        }
        command = [sys.executable, "-m", service]
        done = subprocess.run(
            command, env={**os.environ, **given}, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: it is taken" in done.stderr
    assert f"REJESHA_{service.upper()}_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "spool").exists()


def test_what_dies_is_started_again_by_a_run(sandbox):
    before = sandbox.children()
    for name in ("notify", "dispatcher"):
        os.kill(before[name], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(sandbox.children().get(name, before[name]) == before[name] for name in ("notify", "dispatcher")):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def business_database(path: Path) -> str:
    """A database in which an ISP has the demo's account."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE isps (id INTEGER PRIMARY KEY, name VARCHAR(255), smsaccount VARCHAR(100))")
        connection.execute("INSERT INTO isps (name, smsaccount) VALUES ('Nyota', 'SMS001')")
    return f"sqlite:///{path}"


def tables(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_on_a_given_database_all_that_is_missing_is_named_before_anything_is_started(tmp_path):
    url = business_database(tmp_path / "given.db")
    given = own_ports() | {"REJESHA_VAR": str(tmp_path / "var"), "REJESHA_BILLING_DATABASE_URL": url}
    code, words = ended(given)
    assert code == 2
    for name in (
        "ROUTER_CONTROL_DATABASE_URL", "NOTIFY_DATABASE_URL", "SHORTCODES", "ADMIN_PHONES", "CALLBACK_SECRETS",
        "TEXTSMS_API_KEY", "TEXTSMS_PARTNER_ID", "TEXTSMS_SHORTCODE",
    ):  # fmt: skip
        assert f"REJESHA_{name} is missing" in words
    assert tables(tmp_path / "given.db") == ["isps"]

    weak = BUSINESS | {"REJESHA_DATABASE_URL": url, "REJESHA_CALLBACK_SECRETS": "weak", "REJESHA_ADMIN_PHONES": ""}
    code, words = ended(own_ports() | {"REJESHA_VAR": str(tmp_path / "var")} | weak)
    assert (code, words.count("REJESHA_")) == (2, 1)
    code, words = ended(own_ports() | {"REJESHA_VAR": str(tmp_path / "var")} | weak | {"REJESHA_ADMIN_PHONES": "0722"})
    assert (code, "REJESHA_CALLBACK_SECRETS is wrong" in words) == (2, True)
    assert tables(tmp_path / "given.db") == ["isps"]


def test_demo_data_is_not_put_into_a_database_that_is_in_use(tmp_path):
    url = business_database(tmp_path / "given.db")
    given = own_ports() | {"REJESHA_VAR": str(tmp_path / "var"), "REJESHA_DATABASE_URL": url, "REJESHA_DEMO": "true"}
    code, words = ended(given)
    assert code == 1
    assert "REJESHA_DEMO=true would put made-up ISPs" in words
    assert "Traceback" not in words
    assert tables(tmp_path / "given.db") == ["isps"]


@pytest.mark.mysql
def test_on_a_given_database_nothing_is_made_up(tmp_path, mysql_url):
    engine = sa.create_engine(mysql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE isps (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(255), smsaccount VARCHAR(100),"
            " waaccount VARCHAR(100), pay_account_number VARCHAR(100), contact_phone VARCHAR(20)) ENGINE=InnoDB"
        )
        connection.exec_driver_sql("INSERT INTO isps (name, smsaccount) VALUES ('Nyota', 'SMS001')")
    given = own_ports() | BUSINESS | {"REJESHA_VAR": str(tmp_path), "REJESHA_DATABASE_URL": mysql_url}
    with running(given) as run:
        assert run.children().keys() == SERVICES
        assert "0949AQ" not in run.said
        callback = f"http://127.0.0.1:{given['REJESHA_GATEWAY_PORT']}/callbackprocess"
        assert not httpx.post(callback, json={}).is_success
        environment = Path(f"/proc/{run.children()['billing']}/environ").read_text()
        assert "REJESHA_SANDBOX" not in environment
        assert BUSINESS["REJESHA_ADMIN_PHONES"] in environment
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM isps").scalars().all() == ["Nyota"]
        assert connection.exec_driver_sql("SELECT count(*) FROM pppoe_users").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM messages").scalar() == 0
    engine.dispose()
    assert not list(tmp_path.glob("*.db"))


def test_with_the_real_sender_no_number_is_made_up(tmp_path):
    account = {f"REJESHA_TEXTSMS_{name}": "real" for name in ("API_KEY", "PARTNER_ID", "SHORTCODE")}
    given = own_ports() | account | {"REJESHA_VAR": str(tmp_path), "REJESHA_TEXTSMS_URL": "http://127.0.0.1:9/"}
    with running(given) as run:
        assert "simulators.textsms" not in run.children()
        assert "REJESHA_ADMIN_PHONES" not in Path(f"/proc/{run.children()['billing']}/environ").read_text()
    with sqlite3.connect(tmp_path / "billing.db") as connection:
        numbers = "SELECT contact_phone FROM isps UNION ALL SELECT phone FROM pppoe_users"
        assert set(connection.execute(numbers)) == {(None,)}
        connection.execute("UPDATE isps SET contact_phone = '254711000001'")
    code, words = ended(given)
    assert (code, "made-up numbers" in words) == (1, True)


def test_an_isp_with_the_demo_s_account_is_a_sentence(tmp_path, sandbox):
    before = sqlite3.connect(Path(sandbox.values["REJESHA_VAR"]) / "billing.db")
    with closing(before), closing(sqlite3.connect(tmp_path / "billing.db")) as connection:
        before.backup(connection)  # an earlier run's
        connection.execute("UPDATE isps SET name = 'Nyota' WHERE name = ?", (demo.ISP,))
        connection.commit()
    code, words = ended(own_ports() | {"REJESHA_VAR": str(tmp_path)})
    assert (code, "Traceback" in words) == (1, False)
    assert "is another ISP's account; REJESHA_DEMO=false leaves it out" in words
