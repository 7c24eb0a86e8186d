"""The state directory: that it is one run's alone, that only its owner can read it, and the secrets that it keeps."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "make-run.lock"
# A directory that holds others' files must not have its rights changed. These names tell one of ours ...
_OURS = {_LOCK, "api-token", "router-control-key", "run.env"}
# ... and these alone, which others use as well, tell nothing.
_ALSO_OURS = re.compile(r"log|spool|certificates|router\.json|sms-inbox\.json|\w+\.db(-wal|-shm|-journal)?")
_OTHERS_RIGHTS = 0o077


class StateUnusable(Exception):
    """The state directory cannot be used; the text says why."""


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """The directory is this run's alone while the block runs, and only its owner can read it. Raises StateUnusable."""
    try:
        _make(path)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateUnusable(f"{error.filename}: {error.strerror}") from error
    try:
        _lock(lock, path)
        make_private(path)
        yield
    finally:
        os.close(lock)


def _make(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = {entry.name for entry in path.iterdir()}
    if not there & _OURS and not all(map(_ALSO_OURS.fullmatch, there)):
        raise StateUnusable(f"{path} holds other files: name a directory that holds nothing else")


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        raise StateUnusable(f"{path} is in use by another make run, process {holder}") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def make_private(path: Path) -> None:
    """Take from everybody but the owner what rights they have on a directory and all that is in it."""
    for directory, _, files in os.walk(path):
        for one in (Path(directory), *(Path(directory, name) for name in files)):
            _close(one)


def _close(path: Path) -> None:
    if path.is_symlink():
        return
    try:
        rights = path.stat().st_mode & 0o777
        if rights & _OTHERS_RIGHTS:
            path.chmod(rights & ~_OTHERS_RIGHTS)
    except FileNotFoundError:
        pass  # a journal of SQLite comes and goes
    except PermissionError as error:
        raise StateUnusable(f"{path} is another user's: others may read it, and that cannot be changed") from error


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whatever was there."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def kept(path: Path, make: Callable[[], str]) -> str:
    """A secret that is made when it is first needed."""
    secret = path.read_text().strip() if path.exists() else ""
    if not secret:
        secret = make()
        write(path, secret)
    return secret
