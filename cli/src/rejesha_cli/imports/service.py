"""Brings a CSV file in: reads it, lets a noun's module create what is good, and reports every bad line.

A file may be imported again at any time: what is there already stays as it is. Ids that a file names are kept, because
other files refer to them; whoever has none gets the next free one, and never one that the file names.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

import click

from rejesha_cli.errors import AmbiguousName, CommandFailed, NoSuchName, UnreadableSheet
from rejesha_cli.imports.rules import BadValue, Field, Line, Sheet, read_sheet, wanted_id
from rejesha_cli.records import Record
from rejesha_cli.tables import Column, print_json, remark, say, show_table

T = TypeVar("T")

CHANGES = (
    Column("Line", "line"), Column("Name", "name"), Column("Field", "field"), Column("Was", "before"),
    Column("Is", "after"),
)  # fmt: skip

# A bad line may be the one that an id is meant for.
_WAITS = "has no id, and waits until no line of the file is bad: it could get an id that another line means"


@dataclass(frozen=True)
class LineResult:
    """How a line went; in a dry run, how it would go."""

    line: int
    name: str
    result: Literal["created", "unchanged", "changed", "bad"]
    error: str = ""
    id: int = 0
    changes: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Author:
    """Who changes what is there already to what a file says, and why."""

    by: str
    reason: str = ""


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """A line that makes sense by itself. `key` and `wanted_id`, unless it is 0, may stand only once in a file."""

    number: int
    name: str
    key: str
    item: T
    wanted_id: int = 0


class Create(Protocol[T]):
    """Creates the items, or in a dry run says what would happen; answers for each, in order."""

    def __call__(self, items: Sequence[Parsed[T]], *, dry_run: bool) -> Iterable[LineResult]: ...


def run_import(
    file: Path,
    fields: Sequence[Field],
    read: Callable[[Line], Parsed[T]],
    create: Create[T],
    *,
    dry_run: bool,
    as_json: bool,
    about_new_ids: str = "",
) -> None:
    """The whole of an import command. Good lines are created even when others are bad; then the exit code is 1.

    `about_new_ids`: what to remark when lines without an id are created.
    """
    sheet = _open(file, fields)
    items, results = _parse(sheet, read)
    results += _create(items, create, dry_run=dry_run, faulty=bool(results))
    results.sort(key=lambda result: result.line)
    if about_new_ids and _new_ids(items, results):
        remark(about_new_ids)
    (_report_json if as_json else _report)(file, sheet, results, dry_run=dry_run)
    if any(result.result == "bad" for result in results):
        raise click.exceptions.Exit(1)


def _open(file: Path, fields: Sequence[Field]) -> Sheet:
    try:
        return read_sheet(file.read_bytes(), fields)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error
    except UnreadableSheet as error:
        raise UnreadableSheet(f"{file}: {error}") from error


def _parse(sheet: Sheet, read: Callable[[Line], Parsed[T]]) -> tuple[list[Parsed[T]], list[LineResult]]:
    items: dict[str, Parsed[T]] = {}
    bad = [LineResult(fault.number, "", "bad", fault.error) for fault in sheet.faults]
    doubled = _doubled_ids(sheet)
    for line in sheet.lines:
        try:
            item = read(line)
        except (BadValue, NoSuchName, AmbiguousName) as error:
            bad.append(LineResult(line.number, next(iter(line.values.values()), ""), "bad", str(error)))
            continue
        if item.wanted_id in doubled:
            # None of them: whoever refers to the id could mean any.
            lines = " and ".join(map(str, doubled[item.wanted_id]))
            bad.append(LineResult(item.number, item.name, "bad", f"id {item.wanted_id} stands on lines {lines}"))
            continue
        first = items.setdefault(item.key, item)
        if first is not item:
            bad.append(LineResult(item.number, item.name, "bad", f"stands on line {first.number} already"))
    return list(items.values()), bad


def _doubled_ids(sheet: Sheet) -> dict[int, list[int]]:
    """The ids that stand on more than one line, whatever else is wrong there, and on which lines."""
    lines: dict[int, list[int]] = {}
    for line in sheet.lines:
        with suppress(BadValue):
            lines.setdefault(wanted_id(line.get("id")), []).append(line.number)
    return {each: numbers for each, numbers in lines.items() if each and len(numbers) > 1}


def _create(items: Sequence[Parsed[T]], create: Create[T], *, dry_run: bool, faulty: bool) -> list[LineResult]:
    """`faulty`: whether the file has bad lines already."""
    first = [item for item in items if item.wanted_id]
    rest = [item for item in items if not item.wanted_id]
    if not first or not rest:
        return _created(items, create, dry_run=dry_run)
    tried = _created([*first, *rest], create, dry_run=True)
    if faulty or any(result.result == "bad" for result in tried):
        results = _created(first, create, dry_run=dry_run)
        return results + [LineResult(item.number, item.name, "bad", _WAITS) for item in rest]
    return _created([*first, *rest], create, dry_run=dry_run)


def _created(items: Sequence[Parsed[T]], create: Create[T], *, dry_run: bool) -> list[LineResult]:
    results: list[LineResult] = []
    try:
        results.extend(create(items, dry_run=dry_run))
    except CommandFailed as error:
        done = f"after line {results[-1].line}" if results else "before the first line"
        raise CommandFailed(f"{error} The import stopped {done}: mend that and run it again.") from error
    return results


def _new_ids(items: Sequence[Parsed[T]], results: Sequence[LineResult]) -> bool:
    without = {item.number for item in items if not item.wanted_id}
    return any(result.result == "created" and result.line in without for result in results)


def _report_json(file: Path, sheet: Sheet, results: Sequence[LineResult], *, dry_run: bool) -> None:
    counts = Counter(result.result for result in results)
    print_json(
        {
            "file": str(file),
            "dry_run": dry_run,
            "created": counts["created"],
            "unchanged": counts["unchanged"],
            "changed": counts["changed"],
            "bad": counts["bad"],
            "ignored_columns": sheet.ignored_columns,
            "lines": [asdict(result) for result in results],
        }
    )


def _report(file: Path, sheet: Sheet, results: Sequence[LineResult], *, dry_run: bool) -> None:
    counts = Counter(result.result for result in results)
    columns = (Column("Line", "line"), Column("Name", "name"), Column("What is wrong", "error"))
    if counts["bad"]:
        show_table("Bad lines", columns, [asdict(result) for result in results if result.result == "bad"])
    if counts["changed"]:
        title = "Changes that would be made" if dry_run else "Changes"
        told = [{"line": one.line, "name": one.name, **change} for one in results for change in one.changes]
        show_table(title, CHANGES, told)
    if sheet.ignored_columns:
        remark(f"Columns that are not used: {', '.join(sheet.ignored_columns)}.")
    added = "would be added" if dry_run else "added"
    end = " Dry run: nothing was changed." if dry_run else ""
    changed = f"{counts['changed']} {'would be changed' if dry_run else 'changed'}, " if counts["changed"] else ""
    there = f"{counts['unchanged']} there already"
    say(f"{file}: {counts['created']} {added}, {changed}{there}, {counts['bad']} bad.{end}")
