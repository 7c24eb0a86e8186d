from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from servicekit.moments import to_datetime, to_timestamp

zones = st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=11))])
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001


@given(moments)
def test_a_moment_comes_back_to_the_microsecond_and_is_what_protobuf_itself_would_send(moment):
    stamp = to_timestamp(moment)
    assert to_datetime(stamp) == moment
    assert to_datetime(stamp).tzinfo is UTC
    other = Timestamp()
    other.FromDatetime(moment)
    assert stamp == other


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999))
def test_what_python_cannot_hold_of_a_moment_is_dropped(seconds, nanos):
    stamp = Timestamp(seconds=seconds, nanos=nanos)
    assert to_datetime(stamp) == stamp.ToDatetime(tzinfo=UTC)


def test_nothing_stays_nothing():
    assert to_timestamp(None) is None


@pytest.mark.parametrize("seconds", [-(2**60), -62_135_596_801, 253_402_300_800, 2**60])
def test_a_moment_beyond_python_s_years_is_told_apart(seconds):
    with pytest.raises(ValueError, match="1 to 9999"):
        to_datetime(Timestamp(seconds=seconds))
