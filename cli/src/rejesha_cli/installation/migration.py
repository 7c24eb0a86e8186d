"""Brings the tables of the services installed here up to date: first all are looked at, then all are changed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from rejesha_cli.errors import CommandFailed
from rejesha_cli.installation.programs import WITH_DATABASE, Ended, Program

# ready: nothing stands in the way, and --check was all that was asked; stopped: another service's fault came first.
State = Literal["migrated", "ready", "refused", "failed", "stopped", "not_installed"]
# Runs a program with these arguments.
Run = Callable[..., Ended]


@dataclass(frozen=True)
class Migration:
    """How it went with one service. `text`: what its program said, for people."""

    service: str
    state: State
    text: str = ""

    @property
    def is_well(self) -> bool:
        return self.state in {"migrated", "ready", "not_installed"}


def chosen(service: str | None) -> tuple[Program, ...]:
    """The programs that are meant: one by its name, which must be installed, or all that are; those may not be none."""
    programs = tuple(each for each in WITH_DATABASE if service in {None, each.name})
    if service and not programs[0].is_installed:
        raise CommandFailed(f"{service} is not installed here. {programs[0].where_to_run}")
    if not any(each.is_installed for each in programs):
        names = ", ".join(each.name for each in programs)
        raise CommandFailed(f"none of {names} is installed here: run this where they are.")
    return programs


def migrate(programs: Sequence[Program], run: Run, *, check: bool) -> list[Migration]:
    """Look at the databases of all, and unless something stands in the way of one, migrate one after another."""
    absent = [Migration(each.name, "not_installed", each.where_to_run) for each in programs if not each.is_installed]
    here = [each for each in programs if each.is_installed]
    with ThreadPoolExecutor(len(here)) as threads:
        looked = list(threads.map(lambda each: run(each, "migrate", "--check"), here))
    if check or not all(ended.is_well for ended in looked):
        return [_looked_at(ended) for ended in looked] + absent
    done: list[Migration] = []
    for program in here:
        if all(one.is_well for one in done):
            done.append(_migrated(run(program, "migrate")))
        else:
            done.append(Migration(program.name, "stopped", "not begun"))
    return done + absent


def _looked_at(ended: Ended) -> Migration:
    # The look's answer stands on its standard output; where that is empty it did not come so far.
    text = ended.answer or _without_name(ended.remarks)
    state: State = "ready" if ended.is_well else "refused" if ended.answer else "failed"
    return Migration(ended.program.name, state, text.removeprefix(f"{ended.program.package}: "))


def _migrated(ended: Ended) -> Migration:
    text = "\n".join(part for part in (ended.answer, _without_name(ended.remarks)) if part)
    return Migration(ended.program.name, "migrated" if ended.is_well else "failed", text)


def _without_name(remarks: str) -> str:
    """What a program says before it ends begins with our name, as what this command says does."""
    return "\n".join(line.removeprefix("rejesha: ") for line in remarks.splitlines())
