"""The spool's directory and its file: whose they are, their tables and bounds, and what SQLite's errors mean. Blocking.

A rollback journal, not a write-ahead log: all that was answered stands in one file, which is checked as a whole at the
start, and no log can grow beside it or keep a full disk from taking a delete.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

from gateway.spool.errors import DiskFailed, FileDamaged, OldSpool, SpoolInUse
from gateway.spool.rules import PAGE_BYTES

# The journal of a transaction stands beside the file. It may take this part of the bound, but no more than so much.
_JOURNAL_PART, _MAX_JOURNAL_BYTES = 8, 1024 * 1024
# What a callback is said to take is an average over many; the last one may need some pages more.
_SLACK_BYTES = 8 * PAGE_BYTES
# Left free on the disk: a delete, too, writes its journal first.
_RESERVE_BYTES = 64 * 1024

# `queue`: payment, malformed, or rejected for what nobody took. `due`: by the clock of the process that set it, 0 for
# what was never put off. `bytes`: on disk. The triggers keep what would otherwise have to be counted row by row.
_SCHEMA = """
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN;
CREATE TABLE callbacks (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL CHECK (queue IN ('payment', 'malformed', 'rejected')),
    trans_id TEXT NOT NULL,
    body BLOB NOT NULL,
    source_address TEXT NOT NULL,
    receive_time INTEGER NOT NULL,
    fault TEXT NOT NULL,
    truncated INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    deferrals INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX callbacks_due ON callbacks (queue, due, id);
CREATE INDEX callbacks_of_a_payment ON callbacks (trans_id, id) WHERE queue = 'payment';
CREATE INDEX callbacks_waiting ON callbacks (id) WHERE queue <> 'rejected';
CREATE TABLE totals (
    queue TEXT PRIMARY KEY,
    callbacks INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO totals (queue) VALUES ('payment'), ('malformed'), ('rejected');
CREATE TRIGGER callback_came AFTER INSERT ON callbacks BEGIN
    UPDATE totals SET callbacks = callbacks + 1, bytes = bytes + new.bytes WHERE queue = new.queue;
END;
CREATE TRIGGER callback_went AFTER DELETE ON callbacks BEGIN
    UPDATE totals SET callbacks = callbacks - 1, bytes = bytes - old.bytes WHERE queue = old.queue;
END;
CREATE TRIGGER callback_moved AFTER UPDATE OF queue ON callbacks BEGIN
    UPDATE totals SET callbacks = callbacks - 1, bytes = bytes - old.bytes WHERE queue = old.queue;
    UPDATE totals SET callbacks = callbacks + 1, bytes = bytes + new.bytes WHERE queue = new.queue;
END;
PRAGMA user_version = 1;
COMMIT;
"""
_PRAGMAS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = OFF",  # it would write every freed page once more
    "PRAGMA temp_store = MEMORY",
)

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CAUSES = {
    sqlite3.SQLITE_FULL: "no space left",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "input or output error",
}


def connect(path: Path) -> sqlite3.Connection:
    """The file, open for one thread at a time and made when it is missing. Raises DiskFailed, FileDamaged."""
    with translated():
        path.touch(mode=0o600)  # it holds personal data; SQLite gives its journal the same rights
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # What a disk has garbled must still be read, to be set aside.
    connection.text_factory = lambda text: text.decode(errors="replace")
    try:
        with translated():
            _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        connection.executescript(_SCHEMA)
    # Applied, but the disk did not let go of it.
    connection.execute("CREATE TEMP TABLE applied (id INTEGER PRIMARY KEY)")


def check(connection: sqlite3.Connection) -> None:
    """Look at the whole file. Raises FileDamaged."""
    with translated():
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise FileDamaged(found)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it; durable when it ends. Raises DiskFailed."""
    with translated():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back itself
                connection.execute("ROLLBACK")
            raise


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's and the system's errors as DiskFailed."""
    try:
        yield
    except OSError as error:
        raise DiskFailed(error.strerror or type(error).__name__, no_space=error.errno == ENOSPC) from None
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise FileDamaged(str(error)) from None
        raise DiskFailed(_CAUSES.get(code, str(error)), no_space=code == sqlite3.SQLITE_FULL) from None


@dataclass(frozen=True)
class Space:
    """In bytes: `used` on disk by all files, and `free` for the file of callbacks to grow."""

    used: int
    free: int


def own(directory: Path) -> int:
    """Make the directory if it is missing and lock it; the lock, to be closed. Raises SpoolInUse, OldSpool, OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _refuse_old_form(directory)
        # Its own name must outlast a crash as well.
        for one in (directory, directory.parent):
            _sync(one)
    except BlockingIOError:
        os.close(lock)
        raise SpoolInUse(f"{directory} belongs to another gateway that runs; each needs one of its own") from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def journal_of(path: Path) -> Path:
    """Where SQLite keeps what it needs to undo an unfinished transaction of the file at `path`."""
    return path.with_name(f"{path.name}-journal")


def damaged_files(path: Path) -> list[Path]:
    """The files that were set aside when the one at `path` was salvaged."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def bound_of_file(path: Path, max_bytes: int) -> int:
    """What the file of callbacks may take when all files together may take `max_bytes`."""
    damaged = sum(one.stat().st_size for one in damaged_files(path))
    return max_bytes - damaged - min(max_bytes // _JOURNAL_PART, _MAX_JOURNAL_BYTES)


def space(path: Path, max_bytes: int) -> Space:
    """How much space there is, by our own bound and on the disk."""
    disk, size = os.statvfs(path.parent), path.stat().st_size
    used = sum(one.stat().st_size for one in (path, *damaged_files(path)))
    free = disk.f_bavail * disk.f_frsize - _RESERVE_BYTES
    return Space(used, min(bound_of_file(path, max_bytes) - size - _SLACK_BYTES, free))


def _refuse_old_form(directory: Path) -> None:
    old = sorted([*directory.glob("*.spool"), *directory.glob("rejected/*")])
    if old:
        raise OldSpool(f"it holds callbacks of an earlier version, such as {old[0]}: let that version hand them over")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
