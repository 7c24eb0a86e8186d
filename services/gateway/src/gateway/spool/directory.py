"""The spool's directory: whose it is, what lies in it, and how much room there is. Blocking."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.spool.callback import PAGE_BYTES

# The journal of a transaction stands beside the file. It may take this part of the bound, but no more than so much.
_JOURNAL_PART, _MAX_JOURNAL_BYTES = 8, 1024 * 1024
# What a callback is said to take is an average over many; the last one may need some pages more.
_SLACK_BYTES = 8 * PAGE_BYTES
# Left free on the disk: a delete, too, writes its journal first.
_RESERVE_BYTES = 64 * 1024


class SpoolInUse(Exception):
    """Another process owns the directory."""


class OldSpool(Exception):
    """The directory holds callbacks in a form that is read no more."""


@dataclass(frozen=True)
class Space:
    """In bytes: `used` on disk by all files, and the `room` that is left for the file of callbacks to grow."""

    used: int
    room: int


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
    """The files that were laid aside when the one at `path` was salvaged."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def bound_of_file(path: Path, max_bytes: int) -> int:
    """What the file of callbacks may take when all files together may take `max_bytes`."""
    aside = sum(one.stat().st_size for one in damaged_files(path))
    return max_bytes - aside - min(max_bytes // _JOURNAL_PART, _MAX_JOURNAL_BYTES)


def space(path: Path, max_bytes: int) -> Space:
    """How it stands with room, by our own bound and on the disk."""
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
