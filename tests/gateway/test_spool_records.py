"""The form on disk: whatever happens to the bytes, an untouched record is found and nothing is made up."""

from datetime import UTC, datetime, timedelta

from gateway.spool.records import Callback, Damage, Record, encode, scan
from hypothesis import given, settings
from hypothesis import strategies as st

MARKER = bytes.fromhex("a1b2c3d4e5f60718")
DAY = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)

# Bodies that try to pass for records, or for parts of them.
bodies = st.one_of(
    st.binary(max_size=200),
    st.just(MARKER),
    st.just(MARKER + b"\x01"),
    st.just(encode(Callback(b"inner", "", DAY), b"another!")),
    st.just(b"\0" * 100),
)
callbacks = st.builds(
    Callback,
    body=bodies,
    source_address=st.sampled_from(["", "196.201.214.200", "2001:db8::7"]),
    received=st.integers(0, 10**9).map(lambda microseconds: DAY + timedelta(microseconds=microseconds)),
    trans_id=st.sampled_from(["", "SAMPLE0001", "X" * 50]),
    fault=st.sampled_from(["", "body: not JSON", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 255]),
    truncated=st.booleans(),
)


def records(data, marker=MARKER):
    return [piece for piece in scan(data, marker) if isinstance(piece, Record)]


@given(st.lists(callbacks, max_size=8))
def test_what_was_written_is_read_in_its_order(written):
    pieces = list(scan(b"".join(encode(one, MARKER) for one in written), MARKER))
    assert [piece.callback for piece in pieces if isinstance(piece, Record)] == written
    assert not any(isinstance(piece, Damage) for piece in pieces)


@given(st.lists(callbacks, max_size=8), st.data())
def test_a_file_cut_off_anywhere_gives_the_records_that_are_whole(written, data):
    encoded = [encode(one, MARKER) for one in written]
    whole = b"".join(encoded)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, encoded[: number + 1])) for number in range(len(encoded))]
    expected = [one for one, end in zip(written, ends, strict=True) if end <= cut]
    assert [record.callback for record in records(whole[:cut])] == expected
    damage = [piece for piece in scan(whole[:cut], MARKER) if isinstance(piece, Damage)]
    good = max((end for end in ends if end <= cut), default=0)
    assert damage == ([Damage(good, cut)] if cut > good else [])


@settings(max_examples=300)
@given(st.lists(callbacks, min_size=1, max_size=8), st.data())
def test_bytes_changed_anywhere_cost_only_the_records_they_stand_in(written, data):
    encoded = [encode(one, MARKER) for one in written]
    whole = bytearray(b"".join(encoded))
    start = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=64))[: len(whole) - start]
    before = bytes(whole)
    whole[start : start + len(junk)] = junk
    touched = {place for place in range(len(whole)) if whole[place] != before[place]}
    offset, expected = 0, []
    for one, record in zip(written, encoded, strict=True):
        if touched.isdisjoint(range(offset, offset + len(record))):
            expected.append(one)
        offset += len(record)
    assert [record.callback for record in records(bytes(whole))] == expected


@given(callbacks)
def test_a_body_that_holds_a_record_of_another_segment_gives_nothing_of_it(inner):
    forged = encode(inner, b"\0\1\2\3\4\5\6\7")
    outer = encode(Callback(forged, "", DAY), MARKER)
    assert not records(outer[:-1])
    assert not records(outer[1:])
