"""Amounts of Kenyan shillings in text and in integer cents: one reading, one way to write. Pure.

Exact: no amount ever passes through a binary fraction, and nothing is rounded.
"""

import re
from fractions import Fraction

# The largest amount of the contract.
MAX_AMOUNT_CENTS = 999_999_999_999

# Commas only where thousands end: "10,00" could be ten shillings or a thousand, and guessing is not for money.
# The exponent is there because a Java double of ten million prints as 1.0E7.
_AMOUNT = re.compile(
    r"(?:(?:KES|K?SHS?)\.?\s*)?"
    r"(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:E[+-]?[0-9]{1,3})?)"
    r"(?:\s*(?:/[=-]|(?:KES|K?SHS?)\.?))?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST = 200  # characters; no honest amount comes near


class BadAmount(ValueError):
    """The text is no amount that can be paid; the message says why, without repeating the text."""


def to_cents(text: str) -> int:
    """Cents of an amount such as "1,000.00", "KES 1000", "1000 KES" or "2500.000"; 1 to MAX_AMOUNT_CENTS."""
    cents = signed_cents(text)
    if cents < 0:
        raise BadAmount("is negative")
    if cents == 0:
        raise BadAmount("is zero")
    return cents


def signed_cents(text: str) -> int:
    """The same for a balance, which may be zero or negative."""
    text = text.strip()
    match = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST else None
    if not match:
        raise BadAmount("is not a number")
    cents = Fraction(match[1].replace(",", "")) * 100
    if abs(cents) > MAX_AMOUNT_CENTS:
        raise BadAmount("is larger than 9,999,999,999.99")
    if cents.denominator != 1:
        raise BadAmount("has more than two decimals")
    return int(cents)


def in_shillings(cents: int) -> str:
    """Cents as programs read them: 123456 is "1234.56"."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02}"


def grouped(cents: int) -> str:
    """Cents as people read them: 123456 is "1,234.56"."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100:,}.{cents % 100:02}"
