"""Moments on the wire and in Python: google.protobuf.Timestamp and aware datetimes, exact to the microsecond.

For servicers and clients only: what they hand on are datetimes.
"""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment, aware of its zone, for the wire; nothing for nothing, which leaves the field unset."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def to_datetime(stamp: Timestamp) -> datetime:
    """A moment from the wire, in UTC; less than a microsecond is dropped. Ask HasField first whether it is set.

    Raises ValueError where it is beyond the years 1 to 9999, or its nanoseconds are not those of one second.
    """
    return stamp.ToDatetime(tzinfo=UTC)
