"""Databases for tests: an embedded SQLite and a real MySQL, each test in a schema of its own.

The MySQL server is started once a run with testcontainers; LIPANET_TEST_MYSQL_URL names one that runs already.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

# How long an example takes says more of the machine than of us.
hypothesis.settings.register_profile("lipanet", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("lipanet")

MYSQL_IMAGE = "mysql:9.7"


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[sa.URL]:
    """A MySQL 9.7 server with default durability; as root, so that tests can make schemas."""
    if given := os.environ.get("LIPANET_TEST_MYSQL_URL"):
        yield sa.make_url(given)
        return
    if reason := _why_no_docker():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have MySQL: {reason}")
        pytest.skip(f"no MySQL: {reason}")
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.community.mysql import MySqlContainer

    with MySqlContainer(MYSQL_IMAGE, dialect="pymysql", username="root", root_password="root") as container:
        yield sa.make_url(container.get_connection_url())


def _why_no_docker() -> str:
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException as error:
        return str(error)
    return ""


@pytest.fixture
def mysql_url(mysql_server: sa.URL) -> Iterator[str]:
    """An empty schema on the MySQL server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(mysql_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield mysql_server.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite file."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: each test that asks for it runs on SQLite and on MySQL."""
    return request.getfixturevalue(f"{request.param}_url")
