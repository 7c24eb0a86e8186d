"""The whole system as real processes on free ports, on each database, with the simulated router and provider."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deploy.local import settings
from tests import database_users
from tests.databases import DATABASES, schema_on
from tests.system.making_run import own_ports
from tests.system.running import Running, run_system


@pytest.fixture(scope="module", params=DATABASES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A system of its own for each test module and database, with demo data."""
    state = tmp_path_factory.mktemp("system")
    given = own_ports() | {"REJESHA_VAR": str(state)}
    with ExitStack() as stack:
        if request.param != "sqlite":
            given[settings.DEMO] = "true"
            server = request.getfixturevalue(f"{request.param}_server")
            # Each service as its own user with the least rights: all that these tests do must be possible with them.
            users = stack.enter_context(database_users.of(stack.enter_context(schema_on(server))))
            given["REJESHA_DATABASE_MIGRATION_URL"] = users.migrating
            given |= {f"REJESHA_{service.upper()}_DATABASE_URL": url for service, url in users.services.items()}
        yield stack.enter_context(run_system(given, state))
