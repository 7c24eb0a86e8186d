"""Moments as protobuf wants them."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def moment(value: datetime | None) -> Timestamp | None:
    """A Timestamp, or nothing for nothing."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp
