"""Moments on the wire and in Python: google.protobuf.Timestamp and aware datetimes, exact to the microsecond.

For servicers and clients only: what they hand on are datetimes.
"""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment, aware of its zone, for the wire; nothing for nothing, which leaves the field unset."""
    if moment is None:
        return None
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def to_datetime(stamp: Timestamp) -> datetime:
    """A moment from the wire, in UTC; less than a microsecond is dropped. Ask HasField first whether it is set.

    Raises ValueError where it is beyond the years 1 to 9999, which a Timestamp allows and Python does not.
    """
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError as error:
        raise ValueError("the moment is beyond the years 1 to 9999") from error
