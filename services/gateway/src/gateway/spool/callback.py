"""A callback as the spool keeps it, and what it takes on disk. Pure."""

from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

PAGE_BYTES = 4096
# A row that is longer stands on pages of its own. Source: SQLite's file format, "B-tree Pages".
_LONGEST_ON_A_SHARED_PAGE = PAGE_BYTES - 35
# A row's numbers and its share of a page's head; its entries in three indexes.
_ROW_BYTES, _INDEX_BYTES = 80, 96


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it came. `trans_id` is "" and `fault` is not when it could not become a payment."""

    body: bytes
    source_address: str
    received: datetime
    trans_id: str = ""
    fault: str = ""
    truncated: bool = False

    @property
    def malformed(self) -> bool:
        """Whether it is for the quarantine."""
        return bool(self.fault)

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk at most, whole pages counted."""
        texts = sum(len(text.encode()) for text in (self.trans_id, self.source_address, self.fault))
        row = _ROW_BYTES + texts + len(self.body)
        if row > _LONGEST_ON_A_SHARED_PAGE:
            return PAGE_BYTES * (1 - -row // (PAGE_BYTES - 4)) + _INDEX_BYTES
        return PAGE_BYTES // (PAGE_BYTES // row) + _INDEX_BYTES

    @property
    def checksum(self) -> int:
        """Tells whether a disk gave back what it was given: SQLite itself looks only at the structure of its file."""
        received = int(self.received.timestamp() * 1_000_000)
        texts = (self.trans_id, self.source_address, self.fault, str(received), str(self.truncated))
        return crc32(self.body, crc32("\0".join(texts).encode()))
