"""Brings a service's tables up to date with its Alembic migrations.

Every service keeps its own version table, so that one schema can hold the tables of all. What stands in the way is said
before anything is changed; see `command_line`.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError

from servicekit import selftest
from servicekit.database_errors import describe, error_code
from servicekit.schema.findings import Findings, Refused

# Alembic is imported where it is used: it is a quarter of what a service imports, and one that serves does not need it.
if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger()

_LOOK_SECONDS = 1

# A look at the database before a migration, which changes nothing.
Inspect = Callable[[sa.Connection], Findings]


class AnotherIsRunning(Exception):
    """Two migrations of one database never run side by side."""


def command_line(engine: sa.Engine, service: str, migrations: Path, inspect: Inspect, options: Sequence[str]) -> None:
    """`migrate`, or `migrate --check`, which says what would be done and what stands in the way, and changes nothing.

    Exits with 1 and words for an operator when something stands in the way.
    """
    try:
        if options:
            with engine.connect() as connection:
                findings = inspect(connection)
            sys.exit(_exit_code(service, findings))
        upgrade(engine, service, migrations)
    except Refused as refused:
        sys.exit(_exit_code(service, refused.findings))
    except AnotherIsRunning as another:
        sys.exit(f"{service}: {another}")
    except DBAPIError as error:
        if not error_code(error):
            raise
        sys.exit(f"{service}: the migration stopped. {_in_words(error)}")


def _exit_code(service: str, findings: Findings) -> int:
    print(f"{service}: {findings}")  # noqa: T201  # the answer to the one who asked
    return 1 if findings.obstacles else 0


# What to do about an error of the server, by its number. The server's own sentence says what is wrong.
_ADVICE = {
    1044: "Grant the user rights on this database.",
    1045: "Check the user and the password in the database URL.",
    1049: "Create the database first, or mend its name in the database URL.",
    1114: "Make room on the server's disk, and run it again.",
    1142: "Grant the user this right, and run it again.",
    1205: "Somebody holds a table: end the session that does (SHOW PROCESSLIST), and run it again.",
    1698: "Give the user a password, and put it into the database URL.",
    2003: "Check the host and the port in the database URL, and that the server runs.",
    2005: "Check the host in the database URL.",
    2013: "The server went away. Run it again.",
}


def _in_words(error: DBAPIError) -> str:
    advice = _ADVICE.get(
        error_code(error), "What was done so far stays and is right. Mend the cause, and run it again."
    )
    return f"The database said: {describe(error).rstrip('.')}. {advice}"


def upgrade(engine: sa.Engine, service: str, migrations: Path, revision: str = "head") -> None:
    """Migrate up to `revision`. Safe to start from several processes at once and to repeat.

    Raises Refused before anything is changed, when the service's tables cannot be made from what is there.
    """
    from alembic import command  # noqa: PLC0415

    def act(config: "Config") -> None:
        command.upgrade(config, revision)
        _with_selftest(config, service, sa.Table.create)

    _run(engine, service, migrations, act, upward=True)


def wait(engine: sa.Engine, service: str, migrations: Path) -> None:
    """Return when others have migrated the tables; a database that is away is waited for as well. SIGTERM ends it."""
    # The first process of a container does not die of a signal that nobody handles.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _look_until_migrated(engine, service, migrations)
    finally:
        signal.signal(signal.SIGTERM, before)


def _look_until_migrated(engine: sa.Engine, service: str, migrations: Path) -> None:
    told = ""
    while why := _why_not_yet(engine, service, migrations):
        if why != told:
            log.info("waiting_for_tables", cause=why)
        told = why
        time.sleep(_LOOK_SECONDS)


def _why_not_yet(engine: sa.Engine, service: str, migrations: Path) -> str:
    try:
        with engine.connect() as connection:
            migrated = _is_migrated(connection, service, migrations)
    except DBAPIError as error:
        return describe(error)
    return "" if migrated else "the tables are not migrated to the version that is needed here"


def _is_migrated(connection: sa.Connection, service: str, migrations: Path) -> bool:
    """Whether the tables are at the last version of these migrations, or at one that only later ones know."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(migrations))
    earlier = {script.revision for script in scripts.walk_revisions()} - set(scripts.get_heads())
    there = sa.inspect(connection)
    if not all(there.has_table(name) for name in (version_table(service), selftest.table_of(service).name)):
        return False
    versions = connection.execute(sa.text(f"SELECT version_num FROM {version_table(service)}")).scalars().all()  # noqa: S608
    return bool(versions) and earlier.isdisjoint(versions)


def downgrade(engine: sa.Engine, service: str, migrations: Path, revision: str = "base") -> None:
    """Migrate down to `revision`. For tests and for operators who know why."""
    from alembic import command  # noqa: PLC0415

    def act(config: "Config") -> None:
        command.downgrade(config, revision)
        if revision == "base":
            _with_selftest(config, service, sa.Table.drop)

    _run(engine, service, migrations, act, upward=False)


def _with_selftest(config: "Config", service: str, act: Callable[..., None]) -> None:
    """Create or drop the table of the self-test, which is the same for every service and has no versions."""
    connection: sa.Connection = config.attributes["connection"]
    act(selftest.table_of(service), connection, checkfirst=True)
    connection.commit()


def _run(engine: sa.Engine, service: str, migrations: Path, act: "Callable[[Config], None]", *, upward: bool) -> None:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["version_table"] = version_table(service)
    config.attributes["upward"] = upward
    with engine.connect() as connection, _alone(connection):
        config.attributes["connection"] = connection
        act(config)


def version_table(service: str) -> str:
    """The table in which a service's tables' version stands."""
    return f"alembic_version_{service}"


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    if connection.dialect.name != "mysql":  # SQLite's writers are alone anyway
        yield
        return
    # A lock's name holds for the whole server, and has 64 letters at most.
    name = "CONCAT('rejesha_migrate_', LEFT(SHA2(DATABASE(), 256), 32))"
    if connection.exec_driver_sql(f"SELECT GET_LOCK({name}, 120)").scalar() != 1:
        raise AnotherIsRunning("another migration of this database has been running for two minutes")
    # For Alembic's own table too: it says no engine.
    connection.exec_driver_sql("SET SESSION default_storage_engine = InnoDB")
    connection.commit()
    try:
        yield
    finally:
        with suppress(DBAPIError):  # of a lost connection, whose lock is free anyway
            connection.rollback()
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")
            connection.commit()


def run_environment(prepare: Callable[[sa.Connection], None] | None = None) -> None:
    """The whole body of a service's migrations/env.py.

    `prepare` is called before each upgrade, also one with nothing to do: it may adopt tables that others made.
    """
    from alembic import context  # noqa: PLC0415

    config = context.config
    connection: sa.Connection = config.attributes["connection"]
    if prepare and config.attributes["upward"]:
        prepare(connection)
        connection.commit()
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
