"""`python -m <service> migrate`, `grants` and `doctor`: the same words for each service that has a database.

What is done stands in `migrate`, `schema.grants` and `doctor`; here only what asks for it.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from servicekit import doctor, engines, logs, migrate
from servicekit.schema import grants
from servicekit.selftest import SelfTest
from servicekit.settings import MigrationSettings


@dataclass(frozen=True)
class Commands:
    """`name`: the service's, as its version table has it; `load`: reads the settings; `inspect`: see `migrate`.

    `rights`: what its user may do with which table; `checks`: what doctor tries beside the database. `others`: words
    that the service has besides, for people.
    """

    name: str
    load: Callable[[], MigrationSettings]
    migrations: Path
    inspect: migrate.Inspect
    rights: grants.Wanted
    selftest: Callable[[Engine], SelfTest]
    checks: Callable[[], Iterable[doctor.Check]]
    others: str = ""

    def run(self, words: Sequence[str]) -> None:
        """Do what these words ask for; exits with what went wrong, or with how to ask."""
        match words:
            case ["migrate", *options] if options in ([], ["--check"]):
                engine = engines.create_engine(self._settings().url_to_migrate, answer_seconds=engines.PATIENT)
                migrate.command_line(engine, self.name, self.migrations, self.inspect, options)
            case ["migrate", "--wait"]:
                migrate.wait(engines.create_engine(self._settings().database_url), self.name, self.migrations)
            case ["grants", *options] if options in ([], ["--apply"]):
                grants.command_line(self._settings(), self.name, self.rights, options)
            case ["doctor"]:
                selftest = self.selftest(engines.create_engine(self._settings().database_url))
                sys.exit(doctor.examine(selftest, self.checks()))
            case _:
                known = f"migrate [--check | --wait] | grants [--apply] | doctor{self.others}"
                sys.exit(f"usage: python -m {self.name} [{known}]")

    def _settings(self) -> MigrationSettings:
        """Logs then say whose they are."""
        settings = self.load()
        logs.configure(self.name.replace("_", "-"), log_format=settings.log_format, level=settings.log_level)
        return settings
