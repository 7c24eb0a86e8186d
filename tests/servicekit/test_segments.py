from hypothesis import given
from hypothesis import strategies as st

from servicekit import segments

# GSM 03.38 in the order of its codes, and the characters that are written with an escape.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
ESCAPE = 27

gsm_texts = st.text(st.sampled_from(ALPHABET.replace("\x1b", "") + "".join(ESCAPED.values())), max_size=700)


def reckon(text):
    """How many SMS, by encoding the text and cutting it where a phone network would."""
    encoded = _as_septets(text)
    if encoded is not None:
        return _cuts(encoded, 160, 153, lambda units, end: units[end - 1] == ESCAPE)
    utf16 = text.encode("utf-16-be")
    units = [int.from_bytes(utf16[i : i + 2], "big") for i in range(0, len(utf16), 2)]
    return _cuts(units, 70, 67, lambda units, end: 0xD800 <= units[end - 1] < 0xDC00)


def _as_septets(text):
    codes = {character: code for code, character in ESCAPED.items()}
    septets = []
    for character in text:
        if character in codes:
            septets += [ESCAPE, codes[character]]
        elif character in ALPHABET and character != "\x1b":
            septets.append(ALPHABET.index(character))
        else:
            return None
    return septets


def _cuts(units, alone, joined, splits_a_character):
    if len(units) <= alone:
        return 1 if units else 0
    parts = 0
    while units:
        end = joined
        if len(units) > end and splits_a_character(units, end):
            end -= 1
        parts, units = parts + 1, units[end:]
    return parts


def test_the_reference_alphabet_has_128_characters():
    assert len(set(ALPHABET)) == len(ALPHABET) == 128


@given(st.one_of(gsm_texts, st.text(st.characters(exclude_categories=["Cs"]), max_size=300)))
def test_segments_are_those_of_an_encoder_that_cuts(text):
    assert segments.count(text) == reckon(text)


def test_the_borders_of_one_and_many():
    assert [segments.count("a" * n) for n in (0, 1, 160, 161, 306, 307)] == [0, 1, 1, 2, 2, 3]
    assert [segments.count("я" * n) for n in (70, 71, 134, 135)] == [1, 2, 2, 3]
    # 306 septets, but the pair of the euro sign does not fit the end of the first part.
    assert segments.count("a" * 152 + "€" + "a" * 152) == 3


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_simplifying_twice_is_simplifying_once(text):
    once = segments.simplify(text)
    assert segments.simplify(once) == once


@given(gsm_texts)
def test_a_gsm_text_stays_as_it_is(text):
    assert segments.simplify(text) == text


def test_common_foreign_characters_get_their_plain_form():
    assert segments.simplify("“Wanjikũ’s” – 1\u00a0GB…\tok\u200b\x00") == '"Wanjiku\'s" - 1 GB... ok'  # noqa: RUF001
    assert segments.simplify("Zażółć 😀") == "Zazołc 😀"
