"""The rights of a service's users, as SQL: at run time what its statements need of each table; to migrate, a schema's.

`python -m <service> grants` prints it, `… --apply` runs it as an administrator. Repeating it changes nothing.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pymysql.converters import escape_string
from sqlalchemy.exc import DBAPIError

from servicekit import engines
from servicekit.database_errors import describe, error_code
from servicekit.migrate import version_table
from servicekit.schema import rights
from servicekit.selftest import table_of
from servicekit.settings import MigrationSettings

READ = ("SELECT",)
ADD = ("SELECT", "INSERT")
CHANGE = ("SELECT", "INSERT", "UPDATE")
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Beside what stands in `rights`: it creates foreign keys, and the way back drops tables.
TO_MIGRATE = (*rights.TO_MIGRATE, "REFERENCES", "DROP")
# Of everybody who may connect.
_NOTHING = "USAGE"

_AS_IT_STANDS: dict[str, Any] = {"execution_options": {"no_parameters": True}}

# What a service's run-time user may do, by table.
Wanted = Mapping[str, Collection[str]]


class NotGrantable(Exception):
    """A user cannot be given these rights; the text says why."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a database URL names. `encrypted`: whether it may come by an encrypted connection only."""

    name: str
    password: str
    schema: str
    encrypted: bool

    @classmethod
    def of(cls, url: str) -> "User":
        """Raises NotGrantable."""
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite":
            raise NotGrantable("SQLite has no users: there is nothing to grant")
        if not (address.username and address.password and address.database):
            raise NotGrantable("the database URL must name a user, a password and a schema")
        return cls(address.username, str(address.password), address.database, "ssl_ca" in address.query)

    def __str__(self) -> str:
        return f"'{escape_string(self.name)}'@'%'"

    def created(self, password: str) -> Iterator[str]:
        """Makes the user, or gives it this password."""
        known = f"{self} IDENTIFIED BY '{escape_string(password)}'"
        yield f"CREATE USER IF NOT EXISTS {known}"
        yield f"ALTER USER {known} REQUIRE {'SSL' if self.encrypted else 'NONE'}"

    def granted(self, wanted: Wanted) -> Iterator[str]:
        for table, words in wanted.items():
            yield f"GRANT {', '.join(words)} ON {_quoted(self.schema)}.{_quoted(table)} TO {self}"

    def revoked(self, wanted: Wanted, held: rights.Rights) -> Iterator[str]:
        """Takes what was granted on tables and is not wanted any more. Raises NotGrantable where more was."""
        for (schema, table), words in sorted(held.granted.items()):
            mine = set(wanted.get(table, ())) if schema == self.schema else set()
            if not (surplus := sorted(set(words) - mine - {_NOTHING})):
                continue
            if "*" in (schema, table):
                raise NotGrantable(
                    f"{self} may {', '.join(surplus)} on {schema}.{table}: a service's own user has rights on tables"
                    " only. Name another user in the service's database URL; it will be made"
                )
            yield f"REVOKE {', '.join(surplus)} ON {_quoted(schema)}.{_quoted(table)} FROM {self}"


def complete(service: str, wanted: Wanted) -> dict[str, Collection[str]]:
    """With the tables that each service has besides: its version, which it reads, and its self-test's."""
    return {**wanted, version_table(service): READ, table_of(service).name: ALL}


def command_line(settings: MigrationSettings, service: str, wanted: Wanted, options: Sequence[str]) -> None:
    """`grants`, or `grants --apply`. Exits with 1 and words for an operator when it cannot be done."""
    try:
        user = User.of(settings.database_url)
        migrating = User.of(settings.database_migration_url) if settings.database_migration_url else None
        if not options:
            sys.stdout.writelines(f"{line};\n" for line in _told(user, migrating, complete(service, wanted)))
            return
        _apply(settings.database_admin_url, user, migrating, complete(service, wanted))
    except NotGrantable as error:
        sys.exit(f"{service}: {error}")
    except DBAPIError as error:
        advice = ". Migrate first: rights are granted on tables that are there" if error_code(error) == 1146 else ""
        sys.exit(f"{service}: the database said: {describe(error)}{advice}")


def _told(user: User, migrating: User | None, wanted: Wanted) -> Iterator[str]:
    """For people: without passwords."""
    yield from (*user.created("…"), *user.granted(wanted))
    if migrating:
        yield from (*migrating.created("…"), _to_migrate(migrating))


def _to_migrate(user: User) -> str:
    return f"GRANT {', '.join(TO_MIGRATE)} ON {_quoted(user.schema)}.* TO {user}"


def _apply(admin_url: str, user: User, migrating: User | None, wanted: Wanted) -> None:
    if not admin_url:
        raise NotGrantable("REJESHA_DATABASE_ADMIN_URL is missing: it names a user who may create users")
    if sa.make_url(admin_url).username in {user.name, migrating and migrating.name}:
        raise NotGrantable(f"{user.name} is the administrator: a service needs a user of its own")
    engine = engines.create_engine(admin_url)
    with engine.connect() as connection:
        if migrating:
            _run(connection, (*migrating.created(migrating.password), _to_migrate(migrating)))
        _run(connection, user.created(user.password))
        held = rights.parse(connection.exec_driver_sql(f"SHOW GRANTS FOR {user}", **_AS_IT_STANDS).scalars())
        surplus = list(user.revoked(wanted, held))
        _run(connection, (*user.granted(wanted), *surplus))
    engine.dispose()


def _run(connection: sa.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement, **_AS_IT_STANDS)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
