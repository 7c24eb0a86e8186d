"""The spool's callbacks on disk, a row each until it is applied. Owns every query and the bounds. Blocking, and for one
thread at a time.

    lock                        held while a process owns the directory
    callbacks.db                what waits, and what nobody took
    callbacks.db.damaged-…      a file that had to be salvaged, for an operator
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import structlog

from gateway.callbacks.raw import RawCallback
from gateway.spool.database import (
    bound_of_file,
    connect,
    damaged_files,
    journal_of,
    own,
    space,
    transaction,
    translated,
)
from gateway.spool.errors import DiskFailed
from gateway.spool.recovery import open_sound
from gateway.spool.rules import PAGE_BYTES, Entry, SpoolState, checksum, disk_bytes, microseconds, moment

log = structlog.get_logger()

# A flood of junk must leave room for payments: what is malformed or rejected may take this part of the bound.
_JUNK_PART = 4
# Given back to the disk at a time; each step has a journal.
_PAGES_A_STEP = 128
_NOT_APPLIED = "id NOT IN (SELECT id FROM applied)"
_OLDEST = f"SELECT receive_time FROM callbacks WHERE queue <> 'rejected' AND {_NOT_APPLIED} ORDER BY id LIMIT 1"  # noqa: S608
_DEFERRED = f"SELECT count(*) FROM callbacks WHERE queue = 'payment' AND due > 0 AND {_NOT_APPLIED}"  # noqa: S608
_APPLIED = "SELECT queue, count(*) FROM applied JOIN callbacks USING (id) GROUP BY queue"
_COLUMNS = (
    "id, trans_id, body, source_address, receive_time, fault, truncated, checksum, tries, deferrals,"
    " queue = 'rejected', note"
)
_INSERT = (
    "INSERT INTO callbacks (queue, trans_id, body, source_address, receive_time, fault, truncated, checksum, bytes,"
    " due, deferrals) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)


class Store:
    """`max_bytes` bounds the files. `state` is as after the last call."""

    def __init__(self, path: Path, max_bytes: int, lock: int, connection: sqlite3.Connection) -> None:
        self.state = SpoolState()
        self._path = path
        self._max_bytes = max_bytes
        self._lock = lock
        self._connection = connection

    @classmethod
    def open(cls, directory: Path, max_bytes: int) -> Self:
        """Own the directory, made when missing. Raises SpoolInUse, OldSpool, DiskFailed or OSError."""
        path = directory / "callbacks.db"
        lock = own(directory)
        try:
            store = cls(path, max_bytes, lock, open_sound(path))
            store._start()
        except BaseException:
            os.close(lock)
            raise
        return store

    def close(self) -> None:
        """Let the directory go."""
        self._connection.close()
        os.close(self._lock)

    def insert(self, arrivals: Sequence[tuple[RawCallback, float]]) -> list[bool]:
        """Store callbacks with when each is due (0: at once); whether each had room. Durable when this returns.

        Raises DiskFailed: then none of them is stored.
        """
        self._look()
        fits = self._fitting([callback for callback, _ in arrivals])
        stored = [one for one, fit in zip(arrivals, fits, strict=True) if fit]
        if stored:
            self._write(_INSERT, [(*_row(callback), due, bool(due)) for callback, due in stored])
        return fits

    def due_payments(self, now: float, limit: int) -> list[Entry]:
        """Payments to be handed over together: those that were never put off, else those that are due again.

        None whose TransID has an earlier one with another body, or one that is not due: that one must be settled first.
        Raises DiskFailed.
        """
        found = self._read(
            "queue = 'payment' AND due <= :now AND NOT EXISTS ("
            " SELECT 1 FROM callbacks AS earlier WHERE earlier.queue = 'payment' AND earlier.id < callbacks.id"
            " AND earlier.trans_id = callbacks.trans_id AND (earlier.body <> callbacks.body OR earlier.due > :now)"
            " AND earlier.id NOT IN (SELECT id FROM applied)) ORDER BY due, id",
            limit,
            now=now,
        )
        # Whoever was put off before may keep billing waiting once more.
        return [entry for entry in found if bool(entry.deferrals) == bool(found[0].deferrals)]

    def due_malformed(self, now: float, limit: int) -> list[Entry]:
        """Malformed callbacks to be handed over. Raises DiskFailed."""
        return self._read("queue = 'malformed' AND due <= :now ORDER BY due, id", limit, now=now)

    def heads(self, limit: int) -> list[Entry]:
        """The oldest that wait, and behind them some that were rejected. Raises DiskFailed."""
        waiting = self._read("queue <> 'rejected' ORDER BY id", limit)
        return waiting + self._read("queue = 'rejected' ORDER BY due, id", limit - len(waiting))

    def next_due(self) -> float | None:
        """When the next one is due; None when nothing waits. Raises DiskFailed."""
        query = f"SELECT min(due) FROM callbacks WHERE queue = ? AND {_NOT_APPLIED}"  # noqa: S608
        with translated():
            found = [self._connection.execute(query, (queue,)).fetchone()[0] for queue in ("payment", "malformed")]
        return min((due for due in found if due is not None), default=None)

    def trans_ids(self) -> list[str]:
        """The TransID of each payment that waits. Raises DiskFailed."""
        with translated():
            query = "SELECT trans_id FROM callbacks WHERE queue = 'payment'"
            return [row[0] for row in self._connection.execute(query)]

    def forget(self, entries: Sequence[Entry]) -> None:
        """Delete what was applied. Where the disk refuses that, it is remembered as long as the process lives."""
        with translated():
            self._connection.executemany("INSERT OR IGNORE INTO applied VALUES (?)", [(one.id,) for one in entries])
        try:
            self._write("DELETE FROM callbacks WHERE id IN (SELECT id FROM applied)")
        except DiskFailed as error:
            log.warning("spool_not_deleted", cause=str(error))
            self._look()
            self._start_over_when_empty()
            return
        with translated():
            self._connection.execute("DELETE FROM applied")
        self._give_back()

    def postpone(self, entries: Iterable[tuple[Entry, float]]) -> None:
        """Let each wait until it is due, with its numbers as they are now. Raises DiskFailed."""
        rows = [(entry.tries, entry.deferrals, due, entry.id) for entry, due in entries]
        self._write("UPDATE callbacks SET tries = ?, deferrals = ?, due = ? WHERE id = ?", rows)

    def reject(self, entries: Sequence[Entry], note: str) -> None:
        """Hand these over no more until the next start. Raises DiskFailed."""
        rows = [(note, entry.id) for entry in entries]
        self._write("UPDATE callbacks SET queue = 'rejected', note = ? WHERE id = ?", rows)

    def probe(self) -> None:
        """Find out whether the disk works again and has room. Raises DiskFailed."""
        self._write("UPDATE totals SET bytes = bytes")

    def _start(self) -> None:
        """Everything is due at once, also what was rejected before."""
        self._bound()
        self._look()
        try:
            self._write(
                "UPDATE callbacks SET queue = iif(fault = '', 'payment', 'malformed'), tries = 0, deferrals = 0,"
                " due = 0, note = '' WHERE queue = 'rejected' OR tries OR deferrals OR due"
            )
        except DiskFailed as error:  # they wait a little longer
            log.warning("spool_not_reset", cause=str(error))

    def _bound(self) -> None:
        """Let SQLite refuse whatever our own arithmetic would let pass."""
        pages = bound_of_file(self._path, self._max_bytes) // PAGE_BYTES
        with translated():
            self._connection.execute(f"PRAGMA max_page_count = {pages}")

    def _fitting(self, callbacks: Iterable[RawCallback]) -> list[bool]:
        """Which of these have room beside those before them."""
        free, junk_free = self.state.free_bytes, self._max_bytes // _JUNK_PART - self.state.junk_bytes
        fits = []
        for callback in callbacks:
            size = disk_bytes(callback)
            fit = size <= (min(free, junk_free) if callback.malformed else free)
            free -= size * fit
            junk_free -= size * (fit and callback.malformed)
            fits.append(fit)
        return fits

    def _give_back(self) -> None:
        """Let the disk have what is free in the file."""
        with suppress(DiskFailed), translated():
            while self._one("PRAGMA freelist_count"):
                # execute() would stop after the first page, because the pragma gives no rows.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_A_STEP})")
        self._look()

    def _start_over_when_empty(self) -> None:
        """A disk that is full to the last byte refuses even a delete; but it lets a file go that nobody needs."""
        if self.state.waiting or self._one("SELECT callbacks FROM totals WHERE queue = 'rejected'"):
            return
        with translated():
            self._connection.close()
            self._path.unlink()
            journal_of(self._path).unlink(missing_ok=True)
            self._connection = connect(self._path)
        self._bound()
        self._look()

    def _read(self, condition: str, limit: int, **values: float) -> list[Entry]:
        query = f"SELECT {_COLUMNS} FROM callbacks WHERE {_NOT_APPLIED} AND {condition} LIMIT :limit"  # noqa: S608
        with translated():
            return [_entry(row) for row in self._connection.execute(query, {"limit": limit, **values})]

    def _one(self, query: str) -> Any:
        """The first column of a query's only row; None when it has none."""
        with translated():
            row = self._connection.execute(query).fetchone()
        return row and row[0]

    def _write(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        try:
            with transaction(self._connection):
                self._connection.executemany(statement, rows)
        except DiskFailed as error:
            self.state = replace(self.state, failure=error)
            raise
        self.state = replace(self.state, failure=None)
        self._look()

    def _look(self) -> None:
        """Bring the state up to date; a failure stands until something was written."""
        with translated():
            totals = {queue: (count, size) for queue, count, size in self._connection.execute("SELECT * FROM totals")}
            applied = dict(self._connection.execute(_APPLIED).fetchall())
            disk = space(self._path, self._max_bytes)
        oldest = self._one(_OLDEST)
        self.state = SpoolState(
            payments=totals["payment"][0] - applied.get("payment", 0),
            malformed=totals["malformed"][0] - applied.get("malformed", 0),
            deferred=self._one(_DEFERRED),
            rejected=totals["rejected"][0] + len(damaged_files(self._path)),
            oldest=None if oldest is None else moment(oldest),
            size=disk.used,
            junk_bytes=totals["malformed"][1] + totals["rejected"][1],
            free_bytes=disk.free,
            failure=self.state.failure,
        )


def _row(callback: RawCallback) -> tuple[Any, ...]:
    """queue, trans_id, body, source_address, receive_time, fault, truncated, checksum, bytes."""
    return (
        "malformed" if callback.malformed else "payment",
        callback.trans_id,
        callback.body,
        callback.source_address,
        microseconds(callback.receive_time),
        callback.fault,
        callback.truncated,
        checksum(callback),
        disk_bytes(callback),
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    """A row of _COLUMNS."""
    id_, trans_id, body, source, receive_time, fault, truncated, stored, tries, deferrals, rejected, note = row
    callback = RawCallback(body, source, moment(receive_time), trans_id, fault, bool(truncated))
    return Entry(id_, callback, tries, deferrals, checksum(callback) == stored, bool(rejected), note)
