import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.phones import NotAMobileNumber, is_mobile, normalise

nationals = st.from_regex(r"[17][0-9]{8}", fullmatch=True)
befores = st.sampled_from(["", "0", "254", "+254", "+254 (0) ", "00254", "00 254 0", "+254-"])


@given(nationals, befores, st.sampled_from([" ", "-", ".", ""]), st.integers(0, 9))
def test_every_spelling_of_a_number_is_read_alike(national, before, separator, where):
    written = before + national[:where] + separator + national[where:]
    assert normalise(f" {written}\n") == f"254{national}"
    assert is_mobile(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0",
        "0201234567",  # a landline
        "07123456789",  # too long
        "071234567",  # too short
        "01124814117",  # an account that looks like a number
        "+44 7911 123456",
        "+712345678",
        "+0712345678",
        "000712345678",
        "0712FLOWER",  # letters of a keypad
        "0712345678 ext 5",
        "0712345678/0722345678",
        "٠٧١٢٣٤٥٦٧٨",
        "5f4dcc3b5aa765d61d8327deb882cf99",  # hashed
        "2547 ***** 126",  # masked
        "0" * 100_000,
    ],
)
def test_anything_else_is_no_number_and_is_not_repeated(written):
    with pytest.raises(NotAMobileNumber) as refused:
        normalise(written)
    assert not written or written not in str(refused.value)
    assert not is_mobile(written)
