"""The whole system as real processes on free ports, on each database, with the simulated router and provider."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy.local import demo, settings
from deploy.local.system import System
from servicekit import database
from tests.databases import DATABASES, schema_on
from tests.system.making_run import own_ports
from tests.system.running import Running


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
        yield from _run(given, state)


def _run(given: dict[str, str], state: Path) -> Iterator[Running]:
    values = settings.complete(given)
    system = System(values)
    url = values.get("REJESHA_DATABASE_URL") or values["REJESHA_BILLING_DATABASE_URL"]
    engine = database.create_engine(url)
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{values['REJESHA_GATEWAY_PORT']}",
        headers={"Authorization": f"Bearer {values['REJESHA_API_TOKEN']}"},
        timeout=30,
    )

    def prepare() -> None:
        assert not system.processes["gateway"].is_running()  # a payment would find nobody to pay for
        demo.create(values)

    try:
        system.start(prepare)
        yield Running(system, http, engine)
    finally:
        http.close()
        engine.dispose()
        system.stop()
        _complain_about(state)


def _complain_about(state: Path) -> None:
    """No process may have logged an error with a stack trace that nobody expected."""
    for log in sorted((state / "log").glob("*.log")):
        text = log.read_text(errors="replace")
        assert "Traceback" not in text, f"{log.name}:\n{text[-3000:]}"
