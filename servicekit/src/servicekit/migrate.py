"""Brings a service's tables up to date with its Alembic migrations.

Every service keeps its own version table, so that one schema can hold the tables of all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config

_LOCK = "lipanet_migrate"


def upgrade(engine: sa.Engine, service: str, migrations: Path, revision: str = "head") -> None:
    """Migrate up to `revision`. Safe to start from several processes at once and to repeat."""
    _run(engine, service, migrations, lambda config: command.upgrade(config, revision))


def downgrade(engine: sa.Engine, service: str, migrations: Path, revision: str = "base") -> None:
    """Migrate down to `revision`. For tests and for operators who know why."""
    _run(engine, service, migrations, lambda config: command.downgrade(config, revision))


def _run(engine: sa.Engine, service: str, migrations: Path, act: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["version_table"] = f"alembic_version_{service}"
    with engine.connect() as connection, _alone(connection):
        config.attributes["connection"] = connection
        act(config)


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    if connection.dialect.name != "mysql":  # SQLite's writers are alone anyway
        yield
        return
    if connection.exec_driver_sql(f"SELECT GET_LOCK('{_LOCK}', 120)").scalar() != 1:
        raise TimeoutError("another migration has been running for two minutes")
    connection.commit()
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SELECT RELEASE_LOCK('{_LOCK}')")
        connection.commit()


def run_environment() -> None:
    """The whole body of a service's migrations/env.py."""
    config = context.config
    connection: sa.Connection = config.attributes["connection"]
    context.configure(
        connection=connection,
        version_table=config.attributes["version_table"],
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    if connection.in_transaction():
        connection.commit()
