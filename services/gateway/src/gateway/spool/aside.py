"""What nobody takes, kept for an operator in the folder `rejected`: whole callbacks, and bytes that are none."""

import os
from collections.abc import Sequence
from pathlib import Path

from gateway.spool.records import Callback, Record, encode, scan
from gateway.spool.segments import Segment, find, sync_directory


class Aside:
    """`count` callbacks or damaged stretches lie in the folder and take `size` bytes."""

    def __init__(self, directory: Path) -> None:
        segments, damaged = find(directory), list(directory.glob("*.damaged"))
        self._directory = directory
        self.last_number = max((segment.number for segment in segments), default=0)
        self.count = len(damaged) + sum(
            isinstance(piece, Record) for one in segments for piece in scan(one.read(0, one.length), one.marker)
        )
        self.size = sum(one.length for one in segments) + sum(path.stat().st_size for path in damaged)

    def keep(self, callbacks: Sequence[Callback], number: int) -> None:
        """Lay callbacks aside in a segment of their own. Durable when this returns. Raises OSError."""
        segment = Segment.create(self._directory, number)
        try:
            segment.append(b"".join(encode(callback, segment.marker) for callback in callbacks))
        except OSError:
            segment.path.unlink(missing_ok=True)
            raise
        finally:
            segment.close()
        self.count += len(callbacks)
        self.size += segment.length

    def keep_damaged(self, name: str, data: bytes) -> None:
        """Lay bytes aside that cannot be read. Durable when this returns. Raises OSError."""
        with (self._directory / f"{name}.damaged").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self._directory)
        self.count += 1
        self.size += len(data)
