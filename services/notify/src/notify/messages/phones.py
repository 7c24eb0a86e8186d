"""Kenyan mobile numbers in the one spelling that is stored and sent. Pure."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

# The library also reads letters as dialling keys and cuts extensions off; neither is a number someone meant.
_WRITTEN = re.compile(r"[0-9 +().-]{9,30}")
_MOBILE = re.compile(r"254[17][0-9]{8}")
_MOBILE_TYPES = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class NotAMobileNumber(ValueError):
    """The text is no Kenyan mobile number."""


def normalise(written: str) -> str:
    """Any Kenyan spelling (07…, 01…, 2547…, +254 7…) as 254 and nine digits."""
    written = written.strip()
    if not _WRITTEN.fullmatch(written):
        raise NotAMobileNumber("not a phone number")
    return _parse(written)


# An ISP's staff hear of every payment, so a few numbers come again and again. What raises is not kept.
@lru_cache(maxsize=10_000)
def _parse(written: str) -> str:
    try:
        number = phonenumbers.parse(written, "KE")
    except phonenumbers.NumberParseException as error:
        raise NotAMobileNumber("not a phone number") from error
    if not phonenumbers.is_valid_number_for_region(number, "KE"):
        raise NotAMobileNumber("not a valid Kenyan number")
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    if phonenumbers.number_type(number) not in _MOBILE_TYPES or not _MOBILE.fullmatch(digits):
        raise NotAMobileNumber("not a mobile number")
    return digits
