"""The spool's directory: an append-only queue of callbacks in segments. Plain and blocking; one thread at a time.

    lock                 held while a process owns the directory
    0000000001-….spool   segments, oldest first; one is deleted when all of it was applied
    cursor               how far the oldest one was applied
    rejected/            what nobody takes; the same form, so moved up one folder it is tried again at the next start

The cursor is not synced: losing it applies a part of one segment again, which billing answers with the first receipts
(and a malformed callback then stands in quarantine twice). Syncing it would cost a disk write a batch for nothing.
"""

import errno
import fcntl
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Self

import structlog

from gateway.spool.aside import Aside
from gateway.spool.records import Callback, Damage, Record, encode, scan
from gateway.spool.segments import Segment, find, sync_directory

log = structlog.get_logger()

SEGMENT_BYTES = 16 * 1024 * 1024
_WINDOW_BYTES = 1024 * 1024  # read at once; many times the longest record
_PROBE = bytes(128 * 1024)  # more than the longest record
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class SpoolInUse(Exception):
    """Another process owns the directory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback at the head of the queue; `segment` and `end` say where the next one stands."""

    callback: Callback
    segment: str
    end: int


class Journal:
    """The queue. `most_bytes` bounds its files; `aside` is what nobody takes.

    `waiting` counts what is to be applied, `held` what of it was found at the start, by TransID.
    """

    def __init__(self, directory: Path, most_bytes: int, lock: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.most_bytes = most_bytes
        self.waiting = 0
        self.oldest: datetime | None = None
        self.held: Counter[str] = Counter()
        self.failure: OSError | None = None  # of the last attempt to write
        self._directory = directory
        self.aside = Aside(directory / "rejected")
        self._lock = lock
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._next_number = 1
        self._cursor = 0

    @classmethod
    def open(cls, directory: Path, most_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Own the directory, made when missing, and find what waits in it. Raises SpoolInUse or OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / "rejected").mkdir(mode=0o700, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal = cls(directory, most_bytes, lock, segment_bytes)
            journal._load()
        except BlockingIOError:
            os.close(lock)
            raise SpoolInUse(f"{directory} belongs to another gateway that runs; each needs one of its own") from None
        except BaseException:
            os.close(lock)
            raise
        return journal

    def close(self) -> None:
        """Let the directory go."""
        for segment in self._segments:
            segment.close()
        os.close(self._lock)

    @property
    def size(self) -> int:
        """What the files hold in bytes, applied or not."""
        return sum(segment.length for segment in self._segments) + self.aside.size

    @property
    def full(self) -> bool:
        """Whether there is no room, by our own bound or on the disk."""
        no_space = self.failure is not None and self.failure.errno in _NO_SPACE
        return no_space or self.size + len(_PROBE) > self.most_bytes

    def append(self, callbacks: Sequence[Callback]) -> int:
        """Store callbacks; how many of them, from the first on, had room. Durable when this returns.

        Raises OSError: then none of them is stored.
        """
        try:
            segment = self._writable()
            data, stored = self._fitting(callbacks, segment.marker)
            if stored:
                segment.append(data)
        except OSError as error:
            self.failure = error
            self._drop_empty()
            raise
        self.failure = None
        self.waiting += stored
        if stored and self.oldest is None:
            self.oldest = callbacks[0].received
        self._drop_empty()
        return stored

    def peek(self, most: int) -> list[Entry]:
        """The oldest callbacks, at most so many; fewer where a segment ends. Raises OSError."""
        while self._segments:
            head = self._segments[0]
            if found := self._intact(head, most):
                return found
            self._skip_damage(head)
        self.waiting = 0  # damage may have taken some that were counted
        return []

    def release(self, applied: Sequence[Entry]) -> None:
        """Forget the oldest callbacks, which is what `peek` answered last. Raises OSError."""
        head = self._segments[0]
        assert head.path.name == applied[-1].segment
        self.waiting -= len(applied)
        self._advance(head, applied[-1].end)
        self._look_at_the_oldest()

    def reject(self, callbacks: Sequence[Callback]) -> None:
        """Lay callbacks aside that nobody takes. Durable when this returns. Raises OSError."""
        self.aside.keep(callbacks, self._take_number())

    def probe(self) -> None:
        """Find out whether the disk takes data again. Raises OSError."""
        try:
            segment = Segment.create(self._directory, self._take_number())
            try:
                segment.append(_PROBE)
            finally:
                segment.remove()
        except OSError as error:
            self.failure = error
            raise
        self.failure = None

    def _load(self) -> None:
        # The directory's own name must outlast a crash as well.
        sync_directory(self._directory)
        sync_directory(self._directory.parent)
        self._segments = find(self._directory)
        self._next_number = max([self.aside.last_number, *(one.number for one in self._segments)]) + 1
        for segment in list(self._segments):
            self._count(segment)
        self._look_at_the_oldest()
        if self.waiting or self.aside.count:
            log.warning("spool_reopened", waiting=self.waiting, bytes=self.size, rejected=self.aside.count)

    def _count(self, segment: Segment) -> None:
        """Count what waits in a segment that was found, and cut off what the end of a process left half written."""
        pieces = list(scan(segment.read(0, segment.length), segment.marker))
        if pieces and isinstance(pieces[-1], Damage):
            torn = pieces.pop()
            log.warning("spool_tail_cut", segment=segment.path.name, bytes=torn.end - torn.start)
            segment.cut(torn.start)
        for damage in (piece for piece in pieces if isinstance(piece, Damage)):
            log.error("spool_damaged", segment=segment.path.name, start=damage.start, bytes=damage.end - damage.start)
        if segment is self._segments[0]:
            self._cursor = self._saved_cursor(segment, {piece.end for piece in pieces})
        waiting = [piece for piece in pieces if isinstance(piece, Record) and piece.start >= self._cursor_in(segment)]
        if not waiting and not any(isinstance(piece, Damage) for piece in pieces):
            self._drop(segment)
            return
        self.waiting += len(waiting)
        self.held.update(one.callback.trans_id for one in waiting if one.callback.trans_id)

    def _cursor_in(self, segment: Segment) -> int:
        return self._cursor if segment is self._segments[0] else 0

    def _saved_cursor(self, segment: Segment, ends: set[int]) -> int:
        try:
            name, _, offset = (self._directory / "cursor").read_text().partition(" ")
            return int(offset) if name == segment.path.name and int(offset) in ends else 0
        except (OSError, ValueError):
            return 0  # never written, or torn: the segment is applied again

    def _writable(self) -> Segment:
        if self._segments and self._segments[-1].is_open:
            if self._segments[-1].length < self._segment_bytes:
                return self._segments[-1]
            self._segments[-1].close()
        self._segments.append(Segment.create(self._directory, self._take_number()))
        return self._segments[-1]

    def _take_number(self) -> int:
        number, self._next_number = self._next_number, self._next_number + 1
        return number

    def _fitting(self, callbacks: Sequence[Callback], marker: bytes) -> tuple[bytes, int]:
        room = self.most_bytes - self.size
        records: list[bytes] = []
        for callback in callbacks:
            record = encode(callback, marker)
            room -= len(record)
            if room < 0:
                break
            records.append(record)
        return b"".join(records), len(records)

    def _intact(self, head: Segment, most: int) -> list[Entry]:
        """Intact records that stand right at the cursor."""
        pieces = scan(head.read(self._cursor, _WINDOW_BYTES), head.marker)
        records = takewhile(lambda piece: isinstance(piece, Record), pieces)
        return [
            Entry(record.callback, head.path.name, self._cursor + record.end)
            for record, _ in zip(records, range(most), strict=False)
            if isinstance(record, Record)
        ]

    def _skip_damage(self, head: Segment) -> None:
        """Keep what cannot be read for an operator, and go on behind it."""
        rest = head.read(self._cursor, head.length)
        damage = next(scan(rest, head.marker), None)
        if isinstance(damage, Damage):
            self.aside.keep_damaged(f"{head.path.stem}-{self._cursor}", rest[: damage.end])
            log.error("spool_damage_set_aside", segment=head.path.name, start=self._cursor, bytes=damage.end)
        self._advance(head, self._cursor + (damage.end if damage else 0))

    def _look_at_the_oldest(self) -> None:
        following = self.peek(1)
        self.oldest = following[0].callback.received if following else None

    def _advance(self, head: Segment, cursor: int) -> None:
        self._cursor = cursor
        if cursor < head.length:
            self._save_cursor(head)
        else:
            self._drop(head)

    def _save_cursor(self, head: Segment) -> None:
        new = self._directory / "cursor.new"
        try:
            new.write_text(f"{head.path.name} {self._cursor}")
            new.replace(self._directory / "cursor")
        except OSError as error:  # only a restart would miss it, and repeat what is safe to repeat
            log.warning("spool_cursor_not_saved", cause=error.strerror)

    def _drop(self, segment: Segment) -> None:
        if segment is self._segments[0]:
            self._cursor = 0
        self._segments.remove(segment)
        try:
            segment.remove()
        except OSError as error:  # only a restart would find it again, and repeat what is safe to repeat
            log.error("spool_segment_not_removed", segment=segment.path.name, cause=error.strerror)  # noqa: TRY400

    def _drop_empty(self) -> None:
        for segment in [one for one in self._segments if not one.length]:
            self._drop(segment)
