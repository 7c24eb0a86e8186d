"""Secrets on disk, so that a killed router process comes back with what it had.

One JSON line a change, appended with one write, so that a kill loses nothing that was answered and a write costs the
same with ten secrets as with ten thousand. Opening reads the file, drops a torn last line, and starts it anew.
"""

import json
import os
from pathlib import Path

from simulators.routeros.tables import Table, Values


class BadStateFile(ValueError):
    """The file is not one of ours, so it is left alone."""


class StateFile:
    """`boots` counts how often the file was opened; `saved` holds the secrets it held then, in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: int | None = None
        self.boots, self.saved = _read(path)

    def keep(self, secrets: Table) -> None:
        """Write down what the table holds now, and forget what the file held."""
        fresh = self._path.with_name(self._path.name + ".new")
        lines = [{"boots": self.boots + 1}, *({"id": row_id, "row": row} for row_id, row in secrets)]
        fresh.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        fresh.replace(self._path)
        self.close()
        self._lines = os.open(self._path, os.O_WRONLY | os.O_APPEND)

    def record(self, row_id: str, row: Values | None) -> None:
        """Write one change down; a table's listener."""
        if self._lines is None:
            raise ValueError(f"{self._path} is closed")
        os.write(self._lines, (json.dumps({"id": row_id, "row": row}) + "\n").encode())

    def close(self) -> None:
        if self._lines is not None:
            os.close(self._lines)
            self._lines = None


def _read(path: Path) -> tuple[int, list[Values]]:
    if not path.exists():
        return 0, []
    whole_lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    boots, rows = 0, dict[str, Values]()
    try:
        for number, line in enumerate(whole_lines):
            entry = json.loads(line)
            if number == 0:
                boots = int(entry["boots"])
            elif entry["row"] is None:
                rows.pop(entry["id"], None)
            else:
                rows[entry["id"]] = entry["row"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadStateFile(f"{path}, line {number + 1}: not a router's state") from error
    return boots, list(rows.values())
