"""`python -m <service> doctor`: makes the self-test of the database for a person to read."""

import sys

from servicekit.errors import DatabaseUnavailable
from servicekit.selftest import SelfTest


def examine(selftest: SelfTest) -> int:
    """Print each check on standard output with ok or bad and why; the exit code: 0 if all are ok, else 1."""
    bad = False
    try:
        for name, fault in selftest.checks():
            bad = bad or bool(fault)
            _print(name, fault)
    except DatabaseUnavailable as error:
        bad = True
        _print("database", str(error))
    return int(bad)


def _print(name: str, fault: str) -> None:
    sys.stdout.write(f"{'bad' if fault else 'ok'}\t{name}{': ' if fault else ''}{fault}\n")
