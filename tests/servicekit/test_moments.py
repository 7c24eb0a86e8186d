"""The protobuf library takes moments in and gives them out; that these are the same, our money's dates rest on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from rejesha.billing.v1 import task_service_pb2 as pb

zones = st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=11))])
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001


@given(moments)
def test_a_moment_in_a_message_comes_back_to_the_microsecond(moment):
    given_out = pb.Task(expire_time=moment).expire_time.ToDatetime(tzinfo=UTC)
    assert given_out == moment
    assert given_out.tzinfo is UTC


def test_no_moment_leaves_the_field_unset():
    assert not pb.Task(expire_time=None).HasField("expire_time")


@pytest.mark.parametrize("seconds", [-(2**60), -62_135_596_801, 253_402_300_800, 2**60])
def test_a_moment_beyond_python_s_years_is_told_apart(seconds):
    with pytest.raises(ValueError):
        Timestamp(seconds=seconds).ToDatetime(tzinfo=UTC)
