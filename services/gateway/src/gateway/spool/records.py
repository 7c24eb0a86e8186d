"""The form of a spooled callback on disk. Pure: bytes in, bytes out.

A segment is records one after another and nothing else. A record is

    marker    8 bytes   the segment's own, random, known from the file's name
    version   1 byte
    length    4 bytes   of the payload
    checksum  4 bytes   CRC-32 of all the rest of the record
    payload

The marker lets a reader find the next record behind a damaged one. Senders cannot know it, so no callback's body
can pass for a record.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

MARKER_BYTES = 8

_VERSION = 1
_HEADER = struct.Struct(">8sBII")
_SUMMED = struct.Struct(">8sBI")
# When it was received in microseconds; flags; lengths of the TransID, the source and the fault. The body is the rest.
_FIXED = struct.Struct(">qBBBH")
_MALFORMED, _TRUNCATED = 1, 2


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


@dataclass(frozen=True, slots=True)
class Record:
    """An intact record: it stands at `start` and the next one at `end`, in bytes."""

    callback: Callback
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `start` to `end` that are no intact record."""

    start: int
    end: int


def encode(callback: Callback, marker: bytes) -> bytes:
    """The record of a callback in the segment of `marker`."""
    trans_id, source, fault = callback.trans_id.encode(), callback.source_address.encode(), callback.fault.encode()
    flags = _MALFORMED * callback.malformed | _TRUNCATED * callback.truncated
    received = int(callback.received.timestamp() * 1_000_000)
    fixed = _FIXED.pack(received, flags, len(trans_id), len(source), len(fault))
    payload = b"".join((fixed, trans_id, source, fault, callback.body))
    return _HEADER.pack(marker, _VERSION, len(payload), _checksum(marker, payload)) + payload


def scan(data: bytes, marker: bytes) -> Iterator[Record | Damage]:
    """Every intact record in `data` in order, and the damage before, between and behind them."""
    offset = good = 0
    while (offset := data.find(marker, offset)) >= 0:
        record = _read(data, marker, offset)
        if record is None:
            offset += 1
            continue
        if offset > good:
            yield Damage(good, offset)
        yield record
        offset = good = record.end
    if good < len(data):
        yield Damage(good, len(data))


def _read(data: bytes, marker: bytes, start: int) -> Record | None:
    """The record that stands at `start`, or None when it is not intact."""
    if start + _HEADER.size > len(data):
        return None
    _, version, length, checksum = _HEADER.unpack_from(data, start)
    end = start + _HEADER.size + length
    if version != _VERSION or end > len(data):
        return None
    payload = data[start + _HEADER.size : end]
    return Record(_decode(payload), start, end) if checksum == _checksum(marker, payload) else None


def _checksum(marker: bytes, payload: bytes) -> int:
    return crc32(payload, crc32(_SUMMED.pack(marker, _VERSION, len(payload))))


def _decode(payload: bytes) -> Callback:
    received, flags, *lengths = _FIXED.unpack_from(payload)
    texts, offset = [], _FIXED.size
    for length in lengths:
        texts.append(payload[offset : offset + length].decode())
        offset += length
    trans_id, source, fault = texts
    return Callback(
        body=payload[offset:],
        source_address=source,
        received=datetime.fromtimestamp(received / 1_000_000, UTC),
        trans_id=trans_id,
        fault=fault,
        truncated=bool(flags & _TRUNCATED),
    )
