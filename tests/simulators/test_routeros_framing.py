"""Bytes on the wire: the length vectors of the manual, and that any sentence survives any cutting into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.routeros.framing import BadFraming, SentenceReader, encode_length, encode_sentence

VECTORS = [
    (0, "00"),
    (0x7F, "7f"),
    (0x80, "8080"),
    (0x3FFF, "bfff"),
    (0x4000, "c04000"),
    (0x1FFFFF, "dfffff"),
    (0x200000, "e0200000"),
    (0xFFFFFFF, "efffffff"),
]
words = st.lists(st.binary(min_size=1, max_size=300) | st.integers(0x3FF0, 0x4010).map(bytes), min_size=1, max_size=6)


@pytest.mark.parametrize(("length", "prefix"), VECTORS)
def test_a_length_is_written_in_its_shortest_form(length, prefix):
    assert encode_length(length).hex() == prefix


def test_a_length_that_needs_five_bytes_is_never_written():
    with pytest.raises(BadFraming):
        encode_length(0x10000000)


@pytest.mark.parametrize("prefix", ["05", "8005", "c00005", "e0000005", "f000000005"])
def test_a_word_is_read_whatever_the_form_of_its_length(prefix):
    assert SentenceReader().feed(bytes.fromhex(prefix) + b"/quit\x00") == [[b"/quit"]]


@pytest.mark.parametrize("size", [0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000])
def test_words_at_the_border_of_two_forms_are_read_back(size):
    assert SentenceReader().feed(encode_sentence([b"x" * size])) == [[b"x" * size]]


@pytest.mark.parametrize("first", [0xF1, 0xF7, 0xF8, 0xFF])
def test_a_reserved_first_byte_ends_the_understanding(first):
    with pytest.raises(BadFraming):
        SentenceReader().feed(bytes([first, 0]))


def test_a_sentence_beyond_the_limit_is_refused_before_its_bytes_arrive():
    with pytest.raises(BadFraming):
        SentenceReader(limit=100).feed(b"\x40" + b"x" * 64 + b"\x40")


@given(st.lists(words, max_size=4), st.data())
def test_sentences_survive_any_cutting_into_pieces(sentences, data):
    stream = b"\x00".join([b"", *map(encode_sentence, sentences), b""])  # with empty sentences between them
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader, read = SentenceReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        read += reader.feed(stream[start:end])
    assert read == sentences
