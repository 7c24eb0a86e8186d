"""Kenyan mobile numbers: the one reading of all their spellings. Pure.

Which of these numbers an operator really has is not looked at here: notify does, before it sends.
"""

import re

_SEPARATORS = re.compile(r"[ ().-]+")
_KENYAN = re.compile(r"(?:(?:\+|00)?254)?0?([17][0-9]{8})")
_MAX_WRITTEN = 30


class NotAMobileNumber(ValueError):
    """The text is no Kenyan mobile number. It is not repeated."""


def normalise(written: str) -> str:
    """Any spelling (07…, 01…, 7…, 2547…, +254 7…, 00254 7…) as 254 and nine digits. Raises NotAMobileNumber.

    Spaces, dots, dashes and brackets do not count. What M-Pesa masks or hashes is no number.
    """
    written = written.strip()
    found = _KENYAN.fullmatch(_SEPARATORS.sub("", written)) if len(written) <= _MAX_WRITTEN else None
    if not found:
        raise NotAMobileNumber("not a mobile number of Kenya")
    return f"254{found[1]}"


def is_mobile(written: str) -> bool:
    """Whether it is a Kenyan mobile number in some spelling."""
    try:
        normalise(written)
    except NotAMobileNumber:
        return False
    return True
