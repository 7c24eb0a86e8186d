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


@pytest.mark.parametrize("written", ["0160000000", "", "0201234567"])
def test_a_number_that_no_operator_has_is_refused_and_not_repeated(written):
    """How a number may be spelt is servicekit.phones' business, and tested there."""
    with pytest.raises(NotAMobileNumber) as refused:
        normalise(written)
    assert not written or written not in str(refused.value)
