"""Which databases tests run on, schemas on their servers, and the tables in them."""

import functools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from servicekit import engines, migrate

# What a test's database may be, with the mark that a server needs.
SERVERS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("mysql", "mariadb")]
DATABASES = ["sqlite", *SERVERS]


@contextmanager
def schema_on(server: sa.URL) -> Iterator[str]:
    """The address of an empty schema, which is dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


def make_tables(engine: sa.Engine, service: str, migrations: Path) -> None:
    """Make a service's tables in an empty database, by a copy of what was migrated once."""
    if engine.dialect.name == "sqlite":
        Path(engine.url.database).write_bytes(_migrated_file(service, migrations))
        return
    with engine.begin() as connection:
        for statement in _migrated_schema(engine.url.set(database="mysql"), service, migrations):
            connection.exec_driver_sql(statement)


@functools.cache
def _migrated_file(service: str, migrations: Path) -> bytes:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "migrated.db"
        engine = engines.create_engine(f"sqlite:///{path}")
        migrate.upgrade(engine, service, migrations)
        engine.dispose()
        return path.read_bytes()


@functools.cache
def _migrated_schema(server: sa.URL, service: str, migrations: Path) -> list[str]:
    """What makes the tables, and their rows, which are those that say how far they are migrated."""
    with schema_on(server) as url:
        engine = engines.create_engine(url)
        migrate.upgrade(engine, service, migrations)
        with engine.connect() as connection:
            names = sa.inspect(connection).get_table_names()
            made = [connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1] for name in names]
            filled = [name for name in names if connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()]
            version = migrate.version_table(service)
            assert filled == [version]
            at = connection.exec_driver_sql(f"SELECT version_num FROM {version}").scalar_one()
        engine.dispose()
    return [*made, f"INSERT INTO {version} VALUES ('{at}')"]
