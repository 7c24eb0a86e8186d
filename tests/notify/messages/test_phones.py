import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.messages.phones import normalise
from servicekit.phones import NotAMobileNumber

_MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def is_mobile(national):
    try:
        number = phonenumbers.parse(national, "KE")
    except phonenumbers.NumberParseException:  # such as of 000…, which is another country's
        return False
    return phonenumbers.is_valid_number_for_region(number, "KE") and phonenumbers.number_type(number) in _MOBILE


@given(st.from_regex(r"[0-9]{8,10}", fullmatch=True) | st.from_regex(r"[17][0-9]{8}", fullmatch=True))
def test_exactly_the_numbers_that_operators_have_are_accepted_in_every_spelling(national):
    spellings = [f"{before}{national}" for before in ("", "0", "254", "+254", "+254 (0) ", "00254", "00 254 0")]
    if is_mobile(f"0{national}") and not national.startswith("0"):
        assert {normalise(spelling) for spelling in spellings} == {f"254{national}"}
    elif len(national) == 9 and not national.startswith("0"):
        for spelling in spellings:
            with pytest.raises(NotAMobileNumber):
                normalise(spelling)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("0712345678", "254712345678"),
        ("0110123456", "254110123456"),
        (" +254 712-345-678 ", "254712345678"),
        ("00254712345678", "254712345678"),
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
def test_anything_else_is_refused(written):
    with pytest.raises(NotAMobileNumber):
        normalise(written)
