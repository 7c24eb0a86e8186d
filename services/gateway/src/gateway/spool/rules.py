"""What the spool keeps of a callback, what that takes on disk, how the spool stands, why callbacks wait. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

from servicekit.rpc.errors import DatabaseRefuses

from gateway.callbacks.raw import RawCallback
from gateway.spool.errors import DiskFailed

PAGE_BYTES = 4096
# A row that is longer stands on pages of its own. Source: SQLite's file format, "B-tree Pages".
_MAX_ON_A_SHARED_PAGE = PAGE_BYTES - 35
# A row's numbers and its share of a page's head; its entries in three indexes.
_ROW_BYTES, _INDEX_BYTES = 80, 96
# The longest body with all that belongs to it, in whole pages.
MAX_CALLBACK_BYTES = 80 * 1024

# What is wrong with a callback that came back from the disk another than it went: its amount may be another one now.
CHANGED = "body: the spool's disk has changed it"

_CAUSES = {
    "UNAVAILABLE": "billing cannot be reached",
    "CANCELLED": "billing cannot be reached",
    "DEADLINE_EXCEEDED": "billing did not answer in time",
    "TIMED_OUT": "billing did not answer in time",
    "DATABASE_UNAVAILABLE": "billing's database did not answer",
    "SPOOL_NOT_EMPTY": "callbacks waited when the gateway started",
}


def disk_bytes(callback: RawCallback) -> int:
    """What a callback takes on disk at most, whole pages counted."""
    texts = sum(len(text.encode()) for text in (callback.trans_id, callback.source_address, callback.fault))
    row = _ROW_BYTES + texts + len(callback.body)
    if row > _MAX_ON_A_SHARED_PAGE:
        return PAGE_BYTES * (1 - -row // (PAGE_BYTES - 4)) + _INDEX_BYTES
    return PAGE_BYTES // (PAGE_BYTES // row) + _INDEX_BYTES


def checksum(callback: RawCallback) -> int:
    """Tells whether a disk gave back what it was given: SQLite itself looks only at the structure of its file."""
    texts = (
        callback.trans_id,
        callback.source_address,
        callback.fault,
        str(microseconds(callback.receive_time)),
        str(callback.truncated),
    )
    return crc32(callback.body, crc32("\0".join(texts).encode()))


def microseconds(moment: datetime) -> int:
    """A moment as it is stored, since 1970."""
    return int(moment.timestamp() * 1_000_000)


def moment(stored: int) -> datetime:
    """A stored moment; the earliest one when a disk has made nonsense of it."""
    try:
        return datetime.fromtimestamp(stored / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback in the spool. `tries`: rounds in which others were recorded and it was not; `deferrals`: how often it
    was put off; `intact`: False when the disk changed it; `note`: why it was rejected.
    """

    id: int
    callback: RawCallback
    tries: int
    deferrals: int
    intact: bool
    rejected: bool
    note: str


@dataclass(frozen=True)
class SpoolState:
    """`payments` and `malformed` callbacks wait since `oldest`; `deferred` payments were put off; `rejected`: what
    nobody took, and damaged files. In bytes: `size` on disk, `junk_bytes` of it for what is no waiting payment,
    `free_bytes` left for more. `failure`: of the last attempt to write.
    """

    payments: int = 0
    malformed: int = 0
    deferred: int = 0
    rejected: int = 0
    oldest: datetime | None = None
    size: int = 0
    junk_bytes: int = 0
    free_bytes: int = 0
    failure: DiskFailed | None = None

    @property
    def waiting(self) -> int:
        """What is still to be handed over."""
        return self.payments + self.malformed

    @property
    def full(self) -> bool:
        """Whether there is no room, by our own bound or on the disk."""
        return self.free_bytes < MAX_CALLBACK_BYTES or (self.failure is not None and self.failure.no_space)

    @property
    def name(self) -> str:
        """ok, draining, full or failing."""
        if self.full:
            return "full"
        return "failing" if self.failure else "draining" if self.waiting else "ok"


@dataclass(frozen=True)
class Trouble:
    """That `count` callbacks wait, and why. `lasting`: it does not pass by itself."""

    cause: str
    count: int
    lasting: bool = False


def why_waiting(state: SpoolState, away: str) -> Trouble | None:
    """Why payments are not recorded at once; None when they are.

    `away`: the circuit breaker's cause, "" while billing is there.
    """
    if away:
        cause = _CAUSES.get(away.partition(":")[0]) or away.removeprefix(f"{DatabaseRefuses.reason}: ")
    elif state.deferred:
        cause = "billing cannot record them yet: others hold their rows, or it takes too long"
    elif state.waiting:
        cause = "they are being handed over"
    else:
        return None
    if state.failure or state.full:
        cause = f"{cause}; the spool is {state.name}"
    return Trouble(cause, state.waiting, away.startswith(DatabaseRefuses.reason))


def why_rejected(state: SpoolState) -> Trouble | None:
    """That something is kept which nobody takes; None when nothing is."""
    if not state.rejected:
        return None
    return Trouble("neither billing nor its quarantine takes them", state.rejected, lasting=True)


class HeldTransIds(Counter[str]):
    """The TransIDs of the payments that wait in the spool, and how many callbacks of each."""

    def add(self, callbacks: Iterable[RawCallback]) -> None:
        """Payments among these wait from now on."""
        self.update(callback.trans_id for callback in callbacks if not callback.malformed)

    def remove(self, callbacks: Iterable[RawCallback]) -> None:
        """These wait no longer."""
        for callback in callbacks:
            if not callback.malformed:
                self[callback.trans_id] -= 1
                if not self[callback.trans_id]:
                    del self[callback.trans_id]
