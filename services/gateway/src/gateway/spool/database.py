"""The spool's file as SQLite sees it: its tables, how it is opened, and what its errors mean.

A rollback journal, not a write-ahead log: all that was answered stands in one file, which is checked as a whole at the
start, and no log can grow beside it or keep a full disk from taking a delete.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path

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
    received INTEGER NOT NULL,
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
_WORDS = {
    sqlite3.SQLITE_FULL: "no space left",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "input or output error",
}


class DiskFailed(Exception):
    """The spool's disk did not do what it was asked. Its text says why, for people."""

    def __init__(self, why: str, *, no_space: bool = False) -> None:
        super().__init__(why)
        self.no_space = no_space


class FileDamaged(DiskFailed):
    """The file is not as it was written."""


def connect(path: Path) -> sqlite3.Connection:
    """The file, open for one thread at a time and made when it is missing. Raises DiskFailed, FileDamaged."""
    with translated():
        path.touch(mode=0o600)  # it holds personal data; SQLite gives its journal the same rights
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # What a disk has garbled must still be read, to be laid aside.
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
        raise DiskFailed(_WORDS.get(code, str(error)), no_space=code == sqlite3.SQLITE_FULL) from None
