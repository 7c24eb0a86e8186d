"""A migrated database on SQLite, MySQL and MariaDB, and a desk and a dispatcher that work on it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from billing.__main__ import MIGRATIONS
from billing.settings import BillingSettings

from servicekit import engines, migrate
from tests.billing.desk import ADMINS, SHORTCODE, Desk
from tests.billing.dispatching import Dispatcher
from tests.billing.opening import empty, open_desk
from tests.billing.serving import Client, build, connect
from tests.databases import DATABASES, schema_on

POOL = 64  # more than any test has threads


@contextmanager
def engine_on(server: sa.URL) -> Iterator[sa.Engine]:
    """An empty schema for longer than one test."""
    with schema_on(server) as url:
        engine = engines.create_engine(url, pool_size=POOL)
        yield engine
        engine.dispose()


@pytest.fixture(scope="session")
def mysql_schema(mysql_server: sa.URL) -> Iterator[sa.Engine]:
    """One migrated schema for all tests of billing that need no schema of their own."""
    with engine_on(mysql_server) as engine:
        migrate.upgrade(engine, "billing", MIGRATIONS)
        yield engine


@pytest.fixture(scope="session")
def mariadb_schema(mariadb_server: sa.URL) -> Iterator[sa.Engine]:
    """The same on MariaDB."""
    with engine_on(mariadb_server) as engine:
        migrate.upgrade(engine, "billing", MIGRATIONS)
        yield engine


@pytest.fixture(scope="module")
def module_schema(mysql_server: sa.URL) -> Iterator[sa.Engine]:
    """An empty schema for the tests of one file."""
    with engine_on(mysql_server) as engine:
        yield engine


@pytest.fixture
def mysql_engine(mysql_schema: sa.Engine) -> sa.Engine:
    """The migrated schema without rows."""
    empty(mysql_schema)
    return mysql_schema


@pytest.fixture
def mariadb_engine(mariadb_schema: sa.Engine) -> sa.Engine:
    """The same on MariaDB."""
    empty(mariadb_schema)
    return mariadb_schema


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("billing") / "migrated.db"
    engine = engines.create_engine(f"sqlite:///{path}")
    migrate.upgrade(engine, "billing", MIGRATIONS)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_engine(sqlite_file: Path, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = engines.create_engine(f"sqlite:///{shutil.copy(sqlite_file, tmp_path)}")
    yield engine
    engine.dispose()


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """A migrated database without rows: each test that asks for it runs on SQLite, MySQL and MariaDB."""
    return request.getfixturevalue(f"{request.param}_engine")


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    """See open_desk for who is there."""
    return open_desk(engine)


@pytest.fixture
def dispatcher(desk: Desk) -> Dispatcher:
    return Dispatcher(desk)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[sa.Engine], Client]]:
    """Serves an engine in this process, on a port of its own; answers a client."""
    monkeypatch.setenv("REJESHA_BILLING_DATABASE_URL", "sqlite://")
    monkeypatch.setenv("REJESHA_BILLING_PORT", "0")
    monkeypatch.setenv("REJESHA_PLAINTEXT", "true")
    monkeypatch.setenv("REJESHA_SHORTCODES", SHORTCODE)
    monkeypatch.setenv("REJESHA_ADMIN_PHONES", ",".join(ADMINS))
    with ExitStack() as stack:

        def start(engine: sa.Engine) -> Client:
            server = build(BillingSettings.load(), engine)
            server.start()
            stack.callback(server.stop, 0)
            connected, client = connect(server.port)
            stack.callback(connected.close)
            return client

        yield start


@pytest.fixture
def client(serve: Callable[[sa.Engine], Client], desk: Desk) -> Client:
    """A client of billing with the desk's ISPs and customers."""
    return serve(desk.engine)
