"""Recovers a spool's file that is damaged: whatever can be read goes into a new one, the old one is kept beside it.

A process that dies in the middle of it does all of it again at the next start, or only the last step.
"""

import shutil
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import structlog

from gateway.spool.database import check, connect, journal_of, transaction, translated
from gateway.spool.errors import FileDamaged
from gateway.spool.rules import PAGE_BYTES

log = structlog.get_logger()

# Where the first page says how long the file is. Source: SQLite's file format, "The Database Header".
_PAGES_IN_FILE = slice(28, 32)
_COLUMNS = "id, queue, trans_id, body, source_address, receive_time, fault, truncated, checksum, bytes, note"
# A page that cannot be read takes some tens of rows with it, a page that leads to others thousands.
_MAX_MISSING_IN_A_ROW = 50_000


def open_sound(path: Path) -> sqlite3.Connection:
    """The file at `path`, whatever had to be done for it to be sound. Raises DiskFailed."""
    new = _beside(path, "new")
    if not path.exists() and new.exists():
        _put_in_place(new, path)
    try:
        return _open_checked(path)
    except FileDamaged as error:
        log.error("spool_damaged", cause=str(error))  # noqa: TRY400
    with translated():
        for leftover in (new, journal_of(new)):
            leftover.unlink(missing_ok=True)
        saved = _copy_what_is_readable(path, new)
        kept = _beside(path, f"damaged-{time.time_ns()}")
        path.rename(kept)
        _put_in_place(new, path)
    log.error("spool_recovered", callbacks=saved, damaged_file=kept.name)
    return connect(path)


def _open_checked(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _put_in_place(new: Path, path: Path) -> None:
    # A journal of the damaged file would be applied to the new one.
    for journal in (journal_of(path), journal_of(new)):
        journal.unlink(missing_ok=True)
    new.rename(path)


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}")


def _copy_what_is_readable(path: Path, new: Path) -> int:
    """How many callbacks the new file got."""
    saved = 0
    with closing(connect(new)) as fresh, closing(_readable(path, new)) as damaged, transaction(fresh):
        for row in _rows(damaged):
            # What is no callback any more is left out: the damaged file is kept.
            with suppress(sqlite3.IntegrityError):
                fresh.execute(f"INSERT INTO callbacks ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)  # noqa: S608
                saved += 1
    _beside(path, "scratch").unlink(missing_ok=True)
    return saved


def _readable(path: Path, new: Path) -> sqlite3.Connection:
    """The damaged file, open for reading as far as that goes."""
    connection = _reading(path)
    try:
        connection.execute(f"SELECT {_COLUMNS} FROM callbacks LIMIT 0")  # noqa: S608
    except sqlite3.Error:
        connection.close()
        return _reading(_with_first_page_of(new, path))
    return connection


def _with_first_page_of(new: Path, path: Path) -> Path:
    """A copy of the damaged file with a new first page: it holds only the schema, which is always the same."""
    scratch = _beside(path, "scratch")
    shutil.copyfile(path, scratch)
    with new.open("rb") as source, scratch.open("r+b") as target:
        first = bytearray(source.read(PAGE_BYTES))
        first[_PAGES_IN_FILE] = struct.pack(">I", path.stat().st_size // PAGE_BYTES)
        target.write(first)
    return scratch


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.execute("PRAGMA writable_schema = ON")  # goes on reading where the file's length is wrong
    return connection


def _rows(damaged: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read, in order. Around a page that cannot, each id is tried by itself."""
    following = missing = 0
    while missing < _MAX_MISSING_IN_A_ROW:
        try:
            for row in damaged.execute(f"SELECT {_COLUMNS} FROM callbacks WHERE id >= ? ORDER BY id", (following,)):  # noqa: S608
                following, missing = row[0] + 1, 0
                yield row
        except sqlite3.Error:
            # The last row before the page may have been lost with the error.
            row = _row(damaged, following)
            following, missing = following + 1, 0 if row else missing + 1
            if row:
                yield row
        else:
            return


def _row(damaged: sqlite3.Connection, id_: int) -> tuple[Any, ...] | None:
    try:
        found = damaged.execute(f"SELECT {_COLUMNS} FROM callbacks WHERE id = ?", (id_,)).fetchone()  # noqa: S608
    except sqlite3.Error:
        return None
    return tuple(found) if found else None
