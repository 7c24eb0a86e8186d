"""A small file system that can be filled up."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.findings import Skipped


@contextmanager
def small(directory: Path, size: int) -> Iterator[None]:
    """A file system of `size` bytes at the directory; none when the size is 0. Raises Skipped without the right."""
    directory.mkdir(parents=True, exist_ok=True)
    if not size:
        yield
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", str(directory)]
    if failed := subprocess.run(mount, capture_output=True, text=True, check=False).stderr:
        raise Skipped(f"a small file system needs the right to mount: {failed.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
