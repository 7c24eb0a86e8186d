"""What of a failing statement reaches a log, by every way that an exception has into one."""

import subprocess
import sys

import pytest
from servicekit.engines import create_engine

NAME = "WANJIKU"

FAILING = """
import logging, sys, threading
import structlog
from servicekit import engines, logs

url, log_format = sys.argv[1:]
logs.configure("test", log_format=log_format)
engine = engines.create_engine(url)
log = structlog.get_logger()

def fail(script):
    with engine.begin() as connection:
        connection.exec_driver_sql(script)

def fail_otherwise(script):
    try:
        fail(script)
    except Exception as error:
        raise ExceptionGroup("several", [error, RuntimeError("a fault of ours")]) from error

BROKEN = "INSERT INTO people VALUES ('WANJIKU', 'unfinished"
DOUBLED = "INSERT INTO people VALUES ('WANJIKU')"
TOO_LONG = "INSERT INTO people VALUES ('WANJIKU WANJIKU WANJIKU')"
for script in (BROKEN, DOUBLED, TOO_LONG):
    for act in (fail, fail_otherwise):
        try:
            act(script)
        except Exception as error:
            log.exception("by_structlog")
            log.error("by_value", exc_info=error)
            logging.getLogger("alembic").exception("by the standard library")
        thread = threading.Thread(target=act, args=[script])
        thread.start()
        thread.join()
fail(BROKEN)
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_failing_script_leaves_its_number_in_the_log_and_none_of_its_text(database_url, log_format):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE people (name VARCHAR(10) PRIMARY KEY, CHECK (length(name) < 10))")
        connection.exec_driver_sql(f"INSERT INTO people VALUES ('{NAME}')")
    engine.dispose()
    command = (sys.executable, "-c", FAILING, database_url, log_format)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert NAME not in ended.stdout + ended.stderr
    assert "INSERT INTO" not in ended.stderr
    expected = "SQLITE_ERROR" if engine.dialect.name == "sqlite" else "error 1064"
    for event in ("by_structlog", "by_value", "by the standard library", "thread_crashed", "crashed"):
        assert event in ended.stderr
    assert expected in ended.stderr
    assert "a fault of ours" in ended.stderr
