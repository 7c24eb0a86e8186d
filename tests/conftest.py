"""Databases for tests: an embedded SQLite, a real MySQL and a real MariaDB, each test in a schema of its own.

MySQL is started with testcontainers, MariaDB as a plain process: once for each worker, or with --share-servers once for
all of them. REJESHA_TEST_MYSQL_URL and REJESHA_TEST_MARIADB_URL name servers that run already.
"""

import gc
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import hypothesis
import pytest
import sqlalchemy as sa

from tests import forking, mariadb, mysql, sharing
from tests.databases import DATABASES, SERVERS, schema_on

# How long an example takes says more of the machine than of us.
hypothesis.settings.register_profile("rejesha", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("rejesha")

# SQLite waits for the disk at each commit, which takes longer than the test otherwise. No test pulls the plug.
if (memory := mariadb.in_memory()) and "TMPDIR" not in os.environ:
    os.environ["TMPDIR"] = tempfile.tempdir = str(memory)

# Each connection to a database and each HTTP client reads all authorities that a machine trusts, for 30 ms of CPU. No
# test meets a server that these vouch for: here, and in the processes that tests start, there is only one, also where
# the environment names the machine's.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("authority.pem"))


# Most of them, in seconds.
LONGER_THAN_A_TEST = 15

_PROGRAMS = pytest.StashKey[forking.Servers]()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: the garbage collector need not look through it again and again."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of real processes: in tests/system, tests/deploy, test_…process.py and test_main.py.

    One that starts a service's process in another file carries the mark itself. Who asks for a server is marked with
    its name; one that has it only for some of its parameters carries the mark on these.
    """
    for item in items:
        if {"system", "deploy"} & set(item.path.parts) or item.path.stem.endswith(("process", "main")):
            item.add_marker(pytest.mark.processes)
        for server in {"mysql", "mariadb"} & {name.removesuffix("_server") for name in item.fixturenames}:
            item.add_marker(getattr(pytest.mark, server))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_PROGRAMS] = forking.Servers(forking.PROGRAMS)
    config.add_cleanup(config.stash[_PROGRAMS].stop)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Paid time ends at midnight in Nairobi: no test begins on one day and looks at what it did on the next."""
    now = datetime.now(ZoneInfo("Africa/Nairobi"))
    left = (now.replace(hour=23, minute=59, second=59, microsecond=999_999) - now).total_seconds()
    if left < LONGER_THAN_A_TEST:
        time.sleep(left + 0.1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Programs are forked, in fixtures as well; see tests/forking.py."""
    executed = item.get_closest_marker("executed")
    with nullcontext() if executed else item.config.stash[_PROGRAMS].forking():
        return (yield)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share-servers", action="store_true", help="one MySQL and one MariaDB for all workers of xdist")


# Nobody pulls the plug of these: what they do against that, and what they count, costs a third of their CPU time.
_UNPROTECTED = ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--performance-schema=OFF")


@contextmanager
def _running_mysql(options: Sequence[str] = ()) -> Iterator[sa.URL]:
    with mysql.running([*_UNPROTECTED, *options]) as server:
        yield server.url


@contextmanager
def _running_mariadb(options: Sequence[str] = ()) -> Iterator[sa.URL]:
    with mariadb.running(options=[*_UNPROTECTED, *options]) as url:
        yield url


# Why a server cannot be had, and how it is started.
_STARTS = {"mysql": (mysql.why_not, _running_mysql), "mariadb": (mariadb.why_not, _running_mariadb)}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the servers that the workers share; what cannot be started here is missed by its tests."""
    if not config.option.share_servers:
        return
    stack = ExitStack()
    config.add_cleanup(stack.close)
    os.environ[sharing.DIRECTORY] = stack.enter_context(TemporaryDirectory())
    for name, (why_not, running) in _STARTS.items():
        if f"REJESHA_TEST_{name.upper()}_URL" not in os.environ and not why_not():
            server = running([sharing.CONNECTIONS])
            stack.enter_context(sharing.beside(server, name, Path(os.environ[sharing.DIRECTORY])))


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[sa.URL]:
    """A MySQL 9.7 server, its log of changes among its defaults; as root, so that tests can make schemas."""
    yield from _server("mysql")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[sa.URL]:
    """A MariaDB 10.11 server with its defaults, latin1 among them; as root, so that tests can make schemas."""
    yield from _server("mariadb")


def _server(name: str) -> Iterator[sa.URL]:
    why_not, running = _STARTS[name]
    if given := os.environ.get(f"REJESHA_TEST_{name.upper()}_URL"):
        yield sa.make_url(given).set(drivername="mysql+pymysql")
        return
    do_without(name, why_not())
    if common := sharing.shared(name):
        yield common
        return
    with running() as url:
        yield url


def do_without(server: str, reason: str) -> None:
    """Skip what needs a server where there is a reason that it cannot be had; in CI that is a failure."""
    if reason and os.environ.get("CI"):
        pytest.fail(f"CI must have {server}: {reason}")
    if reason:
        pytest.skip(f"no {server}: {reason}")


@pytest.fixture
def mysql_url(mysql_server: sa.URL) -> Iterator[str]:
    """An empty schema on the MySQL server."""
    with schema_on(mysql_server) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: sa.URL) -> Iterator[str]:
    """An empty schema on the MariaDB server."""
    with schema_on(mariadb_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite file."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: each test that asks for it runs on SQLite, MySQL and MariaDB."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=SERVERS)
def server_url(request: pytest.FixtureRequest) -> str:
    """An empty schema on a server: each test that asks for it runs on MySQL and MariaDB."""
    return request.getfixturevalue(f"{request.param}_url")
