"""Kenyan shillings in text and in cents. Pure; no amount ever passes through a binary fraction."""

import re

# The most that a payment or a package may be, as the contract's amount_cents says.
MAX_AMOUNT_CENTS = 999_999_999_999

_AMOUNT = re.compile(
    r"(?:(?:kes|kshs?|sh)\.?\s*)?"  # KES 1,000.00, Ksh. 1000
    r"(?P<sign>-?)(?P<whole>\d{1,3}(?:[ ,]\d{3})+|\d+)(?:\.(?P<cents>\d+))?"
    r"(?:\s*/[-=])?",  # 1000/=
    re.IGNORECASE | re.ASCII,
)


def parse_cents(text: str) -> int:
    """Cents from "1000", "1,000.00", "KES 1 000.5" or "1000/=". Raises ValueError, which says what is wrong."""
    match = _AMOUNT.fullmatch(text.replace("\N{NO-BREAK SPACE}", " ").strip())
    if not match:
        raise ValueError(f"{text.strip()!r} is not an amount such as 1000 or 1,000.00")
    if match["sign"]:
        raise ValueError(f"{text.strip()!r} is negative")
    fraction = match["cents"] or ""
    if len(fraction) > 2:
        raise ValueError(f"{text.strip()!r} has more than two decimals")
    digits = re.sub("[ ,]", "", match["whole"]).lstrip("0") + fraction.ljust(2, "0")
    if len(digits) > len(str(MAX_AMOUNT_CENTS)):
        raise ValueError(f"{text.strip()!r} is more than {group(format_kes(MAX_AMOUNT_CENTS))}")
    return int(digits)


def format_kes(cents: int) -> str:
    """Shillings with two decimals, as programs read them: 100050 is "1000.50"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def group(amount: str) -> str:
    """The same amount as people read it: "1000.50" is "1,000.50"."""
    whole, dot, cents = amount.partition(".")
    return f"{int(whole):,}{dot}{cents}" if whole.isascii() and whole.isdigit() else amount
