"""References that people type: what of them counts."""

import sys
import unicodedata

import pytest
from servicekit.references import clean, normalise

INVISIBLE = [chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) == "Cf"]


@pytest.mark.parametrize(
    "typed",
    [
        "0949aq",
        " 09 49\tA Q\n",
        "0949\u00a0aq",
        "\uff10\uff19\uff14\uff19\uff21\uff31",
        "\uff10\uff19\uff14\uff19\uff41\uff51",
        "\u30000949AQ",
    ],
)
def test_spellings_of_one_account_are_one(typed):
    assert normalise(typed) == "0949AQ"


def test_what_nobody_sees_does_not_count():
    assert {"\u200b", "\u200e", "\u202a", "\u2060", "\ufeff", "\u00ad"} <= set(INVISIBLE)
    for one in INVISIBLE:
        assert normalise(f"{one}09{one}49AQ{one}") == "0949AQ", ascii(one)
        assert clean(f"{one}09{one}49 aq{one}") == "0949 aq", ascii(one)


def test_what_is_kept_is_what_was_typed_otherwise():
    assert clean("  Ñandú \t 12  ") == "Ñandú 12"
    assert normalise("ñandú12") == "ÑANDÚ12"
