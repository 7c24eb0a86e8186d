"""Writes what is on record as a file that can be edited and imported again."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rejesha_cli.errors import CommandFailed
from rejesha_cli.tables import print_json, say

# What a spreadsheet would take for a number or a day and write in its own way, or for a formula.
_SPOILED = re.compile(r"0[0-9]+|[0-9]{12,}|[0-9]+E[0-9]+|[0-9]{4}(-[0-9]{2}){2}|[=+@-].*", re.IGNORECASE | re.DOTALL)


def export(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]], *, as_json: bool) -> None:
    """Write a new file; one that is there stays. Raises CommandFailed."""
    lines = [[_kept(value) for value in row] for row in rows]
    try:
        with file.open("x", encoding="utf-8-sig", newline="") as opened:
            csv.writer(opened).writerows([columns, *lines])
    except FileExistsError as error:
        raise CommandFailed(f"{file} is there already: name a file that is not, or remove it.") from error
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}.") from error
    if as_json:
        print_json({"file": str(file), "lines": len(lines)})
    else:
        say(f"{file}: {len(lines)} line{'s' if len(lines) != 1 else ''} written.")


def _kept(value: str) -> str:
    """A value as a spreadsheet leaves it as it is; the import reads it back."""
    quoted = value.replace('"', '""')
    return f'="{quoted}"' if _SPOILED.fullmatch(value) else value
