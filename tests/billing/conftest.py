"""A migrated database on SQLite and on MySQL, and a desk and a dispatcher that work on it."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from billing.__main__ import MIGRATIONS, build
from billing.settings import BillingSettings

from servicekit import database, migrate
from tests.billing.desk import ADMINS, SHORTCODE, Desk, empty, open_desk
from tests.billing.dispatching import Dispatcher
from tests.billing.serving import Client, connect

POOL = 64  # more than any test has threads


@contextmanager
def schema_on(mysql_server: sa.URL) -> Iterator[sa.Engine]:
    """An empty schema for longer than one test."""
    name = f"test_billing_{uuid.uuid4().hex[:8]}"
    server = sa.create_engine(mysql_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    url = mysql_server.set(database=name).render_as_string(hide_password=False)
    engine = database.create_engine(url, pool_size=POOL)
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


@pytest.fixture(scope="session")
def mysql_schema(mysql_server: sa.URL) -> Iterator[sa.Engine]:
    """One migrated schema for all tests of billing that need no schema of their own."""
    with schema_on(mysql_server) as engine:
        migrate.upgrade(engine, "billing", MIGRATIONS)
        yield engine


@pytest.fixture(scope="module")
def module_schema(mysql_server: sa.URL) -> Iterator[sa.Engine]:
    """An empty schema for the tests of one file."""
    with schema_on(mysql_server) as engine:
        yield engine


@pytest.fixture
def mysql_engine(mysql_schema: sa.Engine) -> sa.Engine:
    """That schema without rows."""
    empty(mysql_schema)
    return mysql_schema


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("billing") / "migrated.db"
    engine = database.create_engine(f"sqlite:///{path}")
    migrate.upgrade(engine, "billing", MIGRATIONS)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_engine(sqlite_file: Path, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = database.create_engine(f"sqlite:///{shutil.copy(sqlite_file, tmp_path)}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """A migrated database without rows: each test that asks for it runs on SQLite and on MySQL."""
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
    monkeypatch.setenv("LIPANET_BILLING_DATABASE_URL", "sqlite://")
    monkeypatch.setenv("LIPANET_BILLING_PORT", "0")
    monkeypatch.setenv("LIPANET_SHORTCODES", SHORTCODE)
    monkeypatch.setenv("LIPANET_ADMIN_PHONES", ",".join(ADMINS))
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
