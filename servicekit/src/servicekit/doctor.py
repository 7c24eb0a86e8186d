"""`python -m <service> doctor`: what a service needs, each thing tried and told in a line.

A line is `ok`, `bad` or `none` (there is nothing to test), a tab, the check's name, and after a colon what was found or
what is wrong and what to do about it. `rejesha doctor` reads these lines.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit import clocks
from servicekit.rpc.errors import Unavailable

if TYPE_CHECKING:  # a process without a database has none of what this imports
    from servicekit.selftest import SelfTest


@dataclass(frozen=True)
class Check:
    """One thing that was tried. `fault`: what is wrong, and what to do; `found`: what there is to know when it is not.

    `nothing`: why there is nothing to test.
    """

    name: str
    fault: str = ""
    found: str = ""
    nothing: str = ""

    def __str__(self) -> str:
        word = "bad" if self.fault else "none" if self.nothing else "ok"
        text = self.fault or self.nothing or self.found
        return f"{word}\t{self.name}{': ' if text else ''}{' '.join(text.split())}"


def examine(selftest: "SelfTest", more: Iterable[Check] = ()) -> int:
    """Print the checks of a service's database and `more`; the exit code: 0 if all are well, else 1."""
    return report([*more, *of_database(selftest)])


def report(checks: Iterable[Check]) -> int:
    """Print each check on standard output; the exit code: 0 if all are well, else 1."""
    bad = False
    for check in checks:
        bad = bad or bool(check.fault)
        sys.stdout.write(f"{check}\n")
    return int(bad)


def of_settings(faults: Iterable[str]) -> Iterator[Check]:
    """Whether a service would start with the settings that there are; `faults`: what Settings.faults() answers."""
    for fault in (found := list(faults)):
        yield Check("settings", fault)
    if not found:
        yield Check("settings")


def of_database(selftest: "SelfTest") -> Iterator[Check]:
    """The self-test of a start, and where that went well the database's clock."""
    well = True
    try:
        for name, fault in selftest.checks():
            well = well and not fault
            yield Check(name, fault)
        if well:
            yield Check("clock", clocks.fault(selftest.seconds_ahead()))
            yield from _of_log_writer(selftest.log_writer())
    except Unavailable as error:
        yield Check("database", str(error))


def _of_log_writer(setting: str) -> Iterator[Check]:
    """Either choice is right; what each costs was measured, and stands in docs/performance.md."""
    costs = {
        "OFF": "OFF: every commit costs less, and under full load one takes 100 ms now and then",
        "ON": "ON: no commit takes 100 ms for another's sake, and every commit costs more",
    }
    if setting in costs:
        yield Check("innodb_log_writer_threads", found=costs[setting])
