"""A newcomer understands "payment in, line on" from few files. `make count` prints which ones they are."""

import signal
import time
from pathlib import Path

import sqlalchemy as sa
from billing.schema import isps, pppoe_users

from tests.system import files_on_the_way
from tests.system.files_on_the_way import PACKAGES, ROOT
from tests.system.making_run import own_ports
from tests.system.running import eventually, run_system

MAX_FILES = 50
MAX_LINES = 5_860
OTHERS = {"router", "textsms", "notify"}
# Messages, log lines and figures are ways of their own.
QUIET = {"REJESHA_ADMIN_PHONES": "", "REJESHA_LOG_LEVEL": "WARNING", "REJESHA_METRICS_PORT": ""}
# The services look at their database and for work meanwhile; what runs then anyway is not counted.
IDLE_SECONDS = 5


def test_few_files_are_on_the_way_from_a_payment_to_its_line(tmp_path):
    reports = {}

    def record(system):
        for name, process in system.processes.items():
            if name in OTHERS:
                continue
            reports[name] = report = tmp_path / f"{name}.called"
            process.command = ["recorder", str(report), *process.command]
            process.environment = {**process.environment, **QUIET, "PYTHONPATH": str(Path(__file__).parent)}

    def called():
        """What ran since the last time, in all services."""
        for name, report in reports.items():
            report.unlink(missing_ok=True)
            running[name].signal(signal.SIGUSR1)
        return {one for report in reports.values() for one in _functions(report)}

    with run_system(own_ports() | {"REJESHA_VAR": str(tmp_path / "state")}, tmp_path / "state", record) as running:
        _forget_phones(running.engine)
        # A pool may open one more connection meanwhile; that is done for no payment.
        connecting = {one for one in called() if one[0].name == "engines.py"}
        time.sleep(IDLE_SECONDS)
        idle = called() | connecting
        assert running.pay("0949AQ").status_code == 200
        eventually(lambda: running.customer("0949AQ").status == "active")
        ran, named = files_on_the_way.files_of(called() - idle)
    _print("whose functions run from a payment to its line", ran)
    _print("that these name besides", named)
    for package in PACKAGES:
        modules = files_on_the_way.modules(package)
        print(f"{package}: {len(modules)} modules, {sum(map(_lines, modules))} lines")  # noqa: T201
    assert len(ran) <= MAX_FILES
    assert sum(map(_lines, ran)) <= MAX_LINES


def _forget_phones(engine):
    with engine.begin() as connection:
        connection.execute(sa.update(isps).values(contact_phone=None))
        connection.execute(sa.update(pppoe_users).values(phone=None))


def _lines(path):
    return len(path.read_text().splitlines())


def _print(what, files):
    for path in sorted(files):
        print(f"{_lines(path):5} {path.relative_to(ROOT)}")  # noqa: T201
    print(f"{sum(map(_lines, files)):5} lines in {len(files)} files {what}")  # noqa: T201


def _functions(report: Path):
    eventually(report.exists)
    for line in report.read_text().split():
        path, _, first_line = line.rpartition(":")
        yield Path(path), int(first_line)
