"""One file of the spool. Owns the durability: what `append` returned from is on the disk, and nothing else counts.

After a failed write or sync a file is never written again: the kernel may have dropped the pages and would
say that all is well the next time.
"""

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Self

from gateway.spool.records import MARKER_BYTES

_NAME = re.compile(rf"(\d{{10}})-([0-9a-f]{{{2 * MARKER_BYTES}}})\.spool")


class Segment:
    """A file whose first `length` bytes are durable. Its name tells its place in the order and its marker."""

    def __init__(self, path: Path, length: int, descriptor: int | None = None) -> None:
        found = _NAME.fullmatch(path.name)
        assert found
        self.path = path
        self.number = int(found[1])
        self.marker = bytes.fromhex(found[2])
        self.length = length
        self._descriptor = descriptor

    @classmethod
    def create(cls, directory: Path, number: int) -> Self:
        """A new empty one, open for `append`; its name is durable."""
        path = directory / f"{number:010}-{secrets.token_hex(MARKER_BYTES)}.spool"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        segment = cls(path, 0, descriptor)
        try:
            sync_directory(directory)
        except OSError:
            segment.close()
            path.unlink(missing_ok=True)
            raise
        return segment

    @property
    def is_open(self) -> bool:
        """Whether it can still be written."""
        return self._descriptor is not None

    def append(self, data: bytes) -> None:
        """Write `data` behind the rest; durable when this returns. Raises OSError, and then can be written no more."""
        assert self._descriptor is not None
        try:
            _write(self._descriptor, data, self.length)
            os.fdatasync(self._descriptor)
        except OSError:
            # What came half is nobody's: its senders are told so. If it cannot be cut, a later start finds it out.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.length)
            self.close()
            raise
        self.length += len(data)

    def read(self, start: int, most_bytes: int) -> bytes:
        """Durable bytes from `start` on."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return _read(descriptor, start, min(most_bytes, self.length - start))
        finally:
            os.close(descriptor)

    def cut(self, length: int) -> None:
        """Throw away what stands behind `length`."""
        with self.path.open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())
        self.length = length

    def close(self) -> None:
        """Write no more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # it says again what fdatasync said
                os.close(descriptor)

    def remove(self) -> None:
        """Delete the file. Raises OSError when it may still be there after a crash."""
        self.close()
        self.path.unlink(missing_ok=True)
        sync_directory(self.path.parent)


def find(directory: Path) -> list[Segment]:
    """The segments that lie in a directory, oldest first, with all bytes of their files."""
    paths = [path for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    return sorted((Segment(path, path.stat().st_size) for path in paths), key=lambda one: (one.number, one.path.name))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:  # a disk that fills up takes a part first
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written


def _read(descriptor: int, offset: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(descriptor, size, offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)
