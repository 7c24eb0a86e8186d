"""Which databases tests run on, and schemas on their servers."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

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
