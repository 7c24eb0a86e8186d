import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.messages.phones import NotAMobileNumber, normalise


@given(st.from_regex(r"[17][0-9]{8}", fullmatch=True))
def test_what_is_accepted_is_always_254_and_nine_digits_of_the_number(number):
    try:
        normal = normalise(f"0{number}")
    except NotAMobileNumber:
        return  # a range that no operator has
    assert normal == f"254{number}"
    assert {normalise(spelling) for spelling in (number, f"254{number}", f"+254{number}", f"+254 (0) {number}")} == {
        normal
    }


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("0712345678", "254712345678"),
        ("0110123456", "254110123456"),
        (" +254 712-345-678 ", "254712345678"),
    ],
)
def test_a_kenyan_mobile_number_has_one_spelling(written, normal):
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0",
        "0201234567",  # a landline
        "07123456789",  # too long
        "01124814117",  # an account that looks like a number
        "+44 7911 123456",
        "0712FLOWER",  # letters of a keypad
        "0712345678 ext 5",
        "0712345678/0722345678",
        "٠٧١٢٣٤٥٦٧٨",
        "5f4dcc3b5aa765d61d8327deb882cf99",  # hashed
        "2547 ***** 126",  # masked
        "0" * 100_000,
    ],
)
def test_anything_else_is_refused(written):
    with pytest.raises(NotAMobileNumber):
        normalise(written)
