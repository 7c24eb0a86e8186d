"""Users for the services' tables with the least rights, made as `grants --apply` makes them."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import billing.__main__
import billing.rights
import notify.__main__
import notify.rights
import router_control.__main__
import router_control.rights
import sqlalchemy as sa
from servicekit.schema import grants
from servicekit.settings import MigrationSettings

from tests.databases import make_tables

SERVICES = {
    "billing": (billing.__main__.MIGRATIONS, billing.rights.WANTED),
    "router_control": (router_control.__main__.MIGRATIONS, router_control.rights.WANTED),
    "notify": (notify.__main__.MIGRATIONS, notify.rights.WANTED),
}


@dataclass(frozen=True)
class Users:
    """Of one schema. `admin`, `migrating`: URLs of whoever may do everything, and of whoever changes tables."""

    admin: str
    migrating: str
    services: Mapping[str, str]

    def grant(self, service: str, url: str = "", more: grants.Wanted = MappingProxyType({})) -> None:
        """As `python -m <service> grants --apply`. `url`: to another user than the service's own; `more`: its rights
        on tables that are not in its rights.py yet."""
        settings = MigrationSettings(
            database_url=url or self.services[service],
            database_migration_url=self.migrating,
            database_admin_url=self.admin,
        )
        grants.command_line(settings, service, {**SERVICES[service][1], **more}, ["--apply"])


@contextmanager
def of(admin: str) -> Iterator[Users]:
    """Migrate an empty schema as the user who may, and give each service its own."""
    url = sa.make_url(admin)

    def named(name: str) -> str:
        own = url.set(username=f"{name}_{secrets.token_hex(4)}", password=secrets.token_hex(16))
        return own.render_as_string(hide_password=False)

    users = Users(admin, named("migrate"), MappingProxyType({service: named(service) for service in SERVICES}))
    made = [sa.make_url(one).username for one in (users.migrating, *users.services.values())]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for service, (migrations, _) in SERVICES.items():
        make_tables(engine, service, migrations)
        users.grant(service)
    try:
        yield users
    finally:
        with engine.connect() as connection:
            for name in made:  # by the names that were drawn here, and no other
                connection.exec_driver_sql(f"DROP USER IF EXISTS {name}")
