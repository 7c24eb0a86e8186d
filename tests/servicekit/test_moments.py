from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from servicekit.moments import to_datetime, to_timestamp

zones = st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=11))])
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001


@given(moments)
def test_a_moment_comes_back_to_the_microsecond(moment):
    stamp = to_timestamp(moment)
    assert to_datetime(stamp) == moment
    assert to_datetime(stamp).tzinfo is UTC


def test_nothing_stays_nothing():
    assert to_timestamp(None) is None


@pytest.mark.parametrize("seconds", [-(2**60), -62_135_596_801, 253_402_300_800, 2**60])
def test_a_moment_beyond_python_s_years_is_told_apart(seconds):
    with pytest.raises(ValueError):
        to_datetime(Timestamp(seconds=seconds))
