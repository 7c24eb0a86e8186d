"""docs/first-day.md, as somebody new does it: each command runs as it stands there, on a real MySQL.

Once from files, once from a database of the predecessor. The router and the provider are simulated, as ever.
"""

import os
import re
import shlex
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from rejesha_cli.__main__ import main

from simulators.routeros import Router, RouterServer, User
from simulators.textsms.server import TextSmsSimulator
from tests.billing.adoption.adopting import SEED
from tests.system.making_run import own_ports, running
from tests.system.running import eventually

pytestmark = pytest.mark.mysql

DOCUMENT = (Path(__file__).parents[2] / "docs" / "first-day.md").read_text()
FILES = dict(re.findall(r"^`(\w+\.csv)`:\n```csv\n(.*?)```", DOCUMENT, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```sh ?(\w*)\n(.*?)```", DOCUMENT, re.MULTILINE | re.DOTALL)
SECRET = "a-secret-of-the-callbacks-path"
ADMIN = "254722000001"
_ISPS = """CREATE TABLE isps (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), smsaccount VARCHAR(50),
    waaccount VARCHAR(50), pay_account_number VARCHAR(50), contact_phone VARCHAR(20))"""
_ROUTERS = "CREATE TABLE routers (id INT PRIMARY KEY AUTO_INCREMENT, router_name VARCHAR(100), local_ip VARCHAR(50))"
_CUSTOMERS = """INSERT INTO pppoe_users VALUES
    (1, 'Amina Otieno', 'amina', '0201AA', 1000, 1, 1, 'inactive', '2026-11-01', '0712000201', NOW()),
    (2, 'Brian Kamau', 'brian', '0202AA', 1500, 1, 1, 'active', '2026-12-15', '0712000202', NOW())"""
# A database of the predecessor with what the files of the document say.
PREDECESSOR = [
    *SEED,
    _ISPS,
    "INSERT INTO isps VALUES (1, 'Nyota Networks', 'SMS001', 'WA001', 'ACC001', '0711000001')",
    _ROUTERS,
    "INSERT INTO routers VALUES (1, 'Hilltop', '127.0.0.1')",
    _CUSTOMERS,
]


@pytest.fixture
def router():
    router = Router(User("rejesha", "mango-tree-7"))
    router.add_secret("amina", disabled=True)
    router.add_secret("brian")
    with RouterServer(router) as server:
        yield server


@pytest.fixture
def settings(router, mysql_url, tmp_path):
    """What a `make run` on a database of one's own must be told."""
    with TextSmsSimulator() as simulator:
        yield own_ports() | {
            "REJESHA_VAR": str(tmp_path / "var"),
            "REJESHA_DATABASE_URL": mysql_url,
            "REJESHA_SHORTCODES": "600100",
            "REJESHA_ADMIN_PHONES": ADMIN,
            "REJESHA_CALLBACK_SECRETS": SECRET,
            "REJESHA_ROUTEROS_PORT": str(router.port),
            "REJESHA_TEXTSMS_URL": f"{simulator.url}/",
            **{f"REJESHA_TEXTSMS_{name}": "real" for name in ("API_KEY", "PARTNER_ID", "SHORTCODE")},
        }


@pytest.fixture
def rejesha(monkeypatch, capsys, tmp_path):
    """Runs a command that must end well; what it answered."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        words = shlex.split(line)
        assert words.pop(0) == "rejesha"
        with pytest.raises(SystemExit) as ended:
            main(["--env-file", "var/run.env", *words])
        out, err = capsys.readouterr()
        assert not ended.value.code, (line, out, err)
        return out

    for name in [name for name in os.environ if name.startswith("REJESHA_")]:
        monkeypatch.delenv(name)
    return run


@pytest.mark.parametrize("beginning", ["files", "predecessor"])
def test_the_first_day_goes_as_it_is_told(beginning, settings, router, rejesha, mysql_url, tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content.replace("10.20.0.1,8728", f"127.0.0.1,{router.port}"))
    (tmp_path / "password").write_text("mango-tree-7")
    if beginning == "predecessor":
        _adopted(mysql_url)
    with running(settings):
        answers = [rejesha(line) for whose, block in BLOCKS if whose in ("", beginning) for line in block.splitlines()]
        assert any("Amina Otieno" in answer for answer in answers)
        callback = f"http://127.0.0.1:{settings['REJESHA_GATEWAY_PORT']}/callbackprocess/{SECRET}"
        _pay(callback, "FIRST00001", "10.00")
        _pay(callback, "FIRST00002", "1000.00")
        eventually(lambda: "The line is on" in rejesha("rejesha payment show FIRST00002"))
        eventually(lambda: "sent" in rejesha("rejesha message list --subject FIRST00002"))
        told = {line: rejesha(line) for whose, block in BLOCKS if whose == "paid" for line in block.splitlines()}
    assert "990.00" in told["rejesha payment show FIRST00001"]  # what is missing
    assert "enabled" in told["rejesha access show Hilltop amina"]
    assert re.search(r"wallet:1\s+1,010\.00", told["rejesha ledger accounts"])


def _adopted(url):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in PREDECESSOR:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _pay(callback, trans_id, amount):
    body = {
        "TransactionType": "Pay Bill", "TransID": trans_id, "TransTime": "20261127101500", "TransAmount": amount,
        "BusinessShortCode": "600100", "BillRefNumber": "0201aa", "MSISDN": "2547 ***** 126", "FirstName": "AMINA",
    }  # fmt: skip
    assert httpx.post(callback, json=body).status_code == 200
