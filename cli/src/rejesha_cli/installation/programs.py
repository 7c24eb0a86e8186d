"""The services as programs: which are installed beside this command, and what `python -m <service> …` says.

The command imports no service: each is a package of its own, and need not be here. It runs the one that is.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A service by its name, such as "router-control", and by its Python package."""

    name: str
    package: str

    @property
    def is_installed(self) -> bool:
        """Whether it can be run with the interpreter that runs this command."""
        return importlib.util.find_spec(self.package) is not None

    @property
    def where_to_run(self) -> str:
        """What an operator reads where it is not installed."""
        return f"There is no Python package {self.package} here: run this where {self.name} runs."


WITH_DATABASE = (
    Program("billing", "billing"),
    Program("router-control", "router_control"),
    Program("notify", "notify"),
)
ALL = (*WITH_DATABASE, Program("gateway", "gateway"))


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, its answer on standard output, and what it said besides."""

    program: Program
    code: int
    answer: str
    remarks: str

    @property
    def is_well(self) -> bool:
        return self.code == 0


def run(program: Program, environment: Mapping[str, str], *arguments: str) -> Ended:
    """Run `python -m <package> <arguments>` to its end with these settings."""
    # Without -P a folder of the package's name in the current directory would be run in its place.
    command = [sys.executable, "-P", "-m", program.package, *arguments]
    ended = subprocess.run(  # noqa: S603 - our own programs, by names that stand above
        command,
        env={"REJESHA_LOG_FORMAT": "console", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return Ended(program, _exit_code(ended.returncode), ended.stdout.strip(), ended.stderr.strip())


def _exit_code(code: int) -> int:
    """Of a program that a signal ended, what a shell would say."""
    return 128 - code if code < 0 and os.name == "posix" else code
