"""billing's commands on databases that somebody else has made."""

from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest

from tests.forking import Commands, commands_of


@pytest.fixture(scope="session")
def billing_commands() -> Iterator[Commands]:
    """`python -m billing …`, each in a process of its own."""
    with commands_of("billing") as commands:
        yield commands


@pytest.fixture
def command(billing_commands: Commands) -> Callable[..., CompletedProcess[str]]:
    """Runs a command on the database of an address, to its end."""
    return lambda url, *arguments: billing_commands.run({"REJESHA_BILLING_DATABASE_URL": url}, *arguments)
