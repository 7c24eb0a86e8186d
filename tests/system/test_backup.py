"""docs/backups.md, rehearsed: a dump while payments come in, everything lost but it and the spool, and a new server."""

import itertools
import re
import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from billing.schema import isp_wallet, ledger_transfers, paybill_payments

from tests import mysql
from tests.conftest import do_without
from tests.system.making_run import own_ports
from tests.system.running import eventually, run_system

pytestmark = pytest.mark.mysql
DOCUMENT = Path(__file__).parents[2] / "docs" / "backups.md"
SCHEMAS = ("billing", "router_control", "notify")
AMOUNT, CENTS = "10.00", 1_000


def dump(server, path):
    """As the document says: its command, as a user with no more rights than it asks for."""
    (line,) = re.findall(r"^(mysqldump .*) > dump\.sql$", DOCUMENT.read_text(), re.MULTILINE)
    (rights,) = re.findall(r"The user needs ([A-Z ,]+ and [A-Z]+)\.", DOCUMENT.read_text())
    user = f"CREATE USER dump IDENTIFIED BY 'root'; GRANT {rights.replace(' and ', ', ')} ON *.* TO dump"
    server.run("mysql", "-uroot", "-e", user)
    program, *options = shlex.split(line)
    assert tuple(options[-3:]) == SCHEMAS
    with path.open("wb") as file:
        server.run(program, "-udump", *options, stdout=file)


def on(server):
    """Settings that give each service a schema of its own there."""
    return {
        f"REJESHA_{schema.upper()}_DATABASE_URL": server.url.set(database=schema).render_as_string(hide_password=False)
        for schema in SCHEMAS
    }


class Payments:
    """Somebody who pays ten shillings again and again, and what was answered 200, in its order."""

    def __init__(self, running):
        self._running, self._over, self._threads = running, threading.Event(), ThreadPoolExecutor(1)
        self.recorded, self.spooled = [], []

    def _pay(self):
        for number in itertools.count():
            if self._over.wait(0.02):
                return
            trans_id = f"DUMP{number:06}"
            answer = self._running.pay("ACC001", AMOUNT, trans_id=trans_id)
            assert answer.status_code == 200, answer.text
            spooled = answer.json()["processingResult"]["outcome"] == "spooled"
            (self.spooled if spooled else self.recorded).append(trans_id)

    def __enter__(self):
        self._paying = self._threads.submit(self._pay)
        return self

    def __exit__(self, *_exception):
        self._over.set()
        self._threads.shutdown()
        self._paying.result()

    def more(self, answered, count=20):
        """Wait until so many more are among those answered so."""
        enough = len(answered) + count
        eventually(lambda: self._paying.done() or len(answered) > enough)


def entries(running):
    """How many entries in a wallet each TransID has that is recorded."""
    count = (
        sa.select(sa.func.count()).where(ledger_transfers.c.trans_id == paybill_payments.c.TransID).scalar_subquery()
    )
    with running.engine.connect() as connection:
        return dict(map(tuple, connection.execute(sa.select(paybill_payments.c.TransID, count))))


def test_a_dump_and_the_spool_are_enough_to_go_on_and_the_rest_can_be_paid_in_again(tmp_path):
    do_without("MySQL", mysql.why_not())
    given = own_ports() | {"REJESHA_VAR": str(tmp_path / "var"), "REJESHA_DEMO": "true"}
    dumped = tmp_path / "dump.sql"
    with mysql.running() as lost:
        for schema in SCHEMAS:
            lost.run("mysql", "-uroot", "-e", f"CREATE DATABASE {schema}")
        with run_system(given | on(lost), tmp_path / "var") as running:
            assert running.pay("0949AQ", trans_id="LINEBEFORE").status_code == 200
            eventually(lambda: running.is_enabled("0949AQ") and running.is_all_done())
            eventually(lambda: [text for text in running.inbox("254712000001") if "LINEBEFORE" in text])
            with Payments(running) as payments:
                payments.more(payments.recorded)
                before = list(payments.recorded)
                dump(lost, dumped)
                payments.more(payments.recorded)
                running["billing"].kill()
                payments.more(payments.spooled)
            for name in ("gateway", "dispatcher", "notify", "router-control"):
                running[name].kill()
            told = running.inbox("254712000001")

    with mysql.running() as new:
        with dumped.open("rb") as file:
            new.run("mysql", "-uroot", stdin=file)
        with run_system(given | on(new), tmp_path / "var") as running:
            eventually(lambda: running.http.get("/spool").json()["waiting"] == 0, 60)
            there = entries(running)
            assert {"LINEBEFORE", *before, *payments.spooled} <= there.keys()

            # What came between the dump and the loss is paid in again, from M-Pesa's statement, and some more with it.
            missing = [one for one in payments.recorded if one not in there]
            assert missing
            for trans_id in (*missing, *before[:5], *payments.spooled[:5]):
                assert running.pay("ACC001", AMOUNT, trans_id=trans_id).status_code == 200
            answered = {*payments.recorded, *payments.spooled}
            assert entries(running) == dict.fromkeys({"LINEBEFORE", *answered}, 1)
            assert running.one(isp_wallet).balance == 100_000 + CENTS * len(answered)

            assert running.pay("0950AR").status_code == 200  # and so it goes on
            eventually(lambda: running.is_enabled("0949AQ") and running.is_enabled("0950AR"))
            eventually(running.is_all_done, 60)
            assert running.inbox("254712000001") == told  # what was sent before the dump is not sent again
            running.check_books()
