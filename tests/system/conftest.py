"""The whole system as real processes on free ports, on each database, with the simulated router and provider."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deploy.local import settings
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
            given["REJESHA_DATABASE_URL"] = stack.enter_context(schema_on(server))
        yield stack.enter_context(run_system(given, state))
