"""What the store tells of its callbacks: of one, and of all together. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.spool.callback import Callback
from gateway.spool.database import DiskFailed

# The longest body with all that belongs to it, in whole pages.
MAX_CALLBACK = 80 * 1024

COLUMNS = (
    "id, trans_id, body, source_address, received, fault, truncated, checksum, tries, deferrals,"
    " queue = 'rejected', note"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback in the spool. `tries`: rounds in which others were recorded and it was not; `deferrals`: how often it
    was put off; `intact`: False when the disk changed it; `note`: why it was rejected.
    """

    id: int
    callback: Callback
    tries: int
    deferrals: int
    intact: bool
    rejected: bool
    note: str


@dataclass(frozen=True)
class State:
    """`payments` and `malformed` callbacks wait since `oldest`; `deferred` payments were put off; `rejected`: what
    nobody took, and damaged files. In bytes: `size` on disk, `junk_bytes` of it for what is no waiting payment, `room`
    left. `failure`: of the last attempt to write.
    """

    payments: int = 0
    malformed: int = 0
    deferred: int = 0
    rejected: int = 0
    oldest: datetime | None = None
    size: int = 0
    junk_bytes: int = 0
    room: int = 0
    failure: DiskFailed | None = None

    @property
    def waiting(self) -> int:
        """What is still to be handed over."""
        return self.payments + self.malformed

    @property
    def full(self) -> bool:
        """Whether there is no room, by our own bound or on the disk."""
        return self.room < MAX_CALLBACK or (self.failure is not None and self.failure.no_space)

    @property
    def word(self) -> str:
        """ok, draining, full or failing."""
        if self.full:
            return "full"
        return "failing" if self.failure else "draining" if self.waiting else "ok"


def to_row(callback: Callback) -> tuple[Any, ...]:
    """queue, trans_id, body, source_address, received, fault, truncated, checksum, bytes."""
    return (
        "malformed" if callback.malformed else "payment",
        callback.trans_id,
        callback.body,
        callback.source_address,
        int(callback.received.timestamp() * 1_000_000),
        callback.fault,
        callback.truncated,
        callback.checksum,
        callback.disk_bytes,
    )


def to_entry(row: tuple[Any, ...]) -> Entry:
    """A row of COLUMNS."""
    id_, trans_id, body, source, received, fault, truncated, checksum, tries, deferrals, rejected, note = row
    callback = Callback(body, source, moment(received), trans_id, fault, bool(truncated))
    return Entry(id_, callback, tries, deferrals, callback.checksum == checksum, bool(rejected), note)


def moment(microseconds: int) -> datetime:
    """A stored time; the earliest one when a disk has made nonsense of it."""
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)
