"""Kenyan shillings as operators write them; what an amount is, servicekit.money says."""

import re

from servicekit import money

# "1 000 000": a space between groups of three digits is as good as a comma.
_GROUPING_SPACE = re.compile(r"(?<=[0-9])[ \N{NO-BREAK SPACE}](?=[0-9]{3}(?![0-9]))")

# Machines write 1E3 and "1000."; of a person it is a slip.
_OF_A_MACHINE = re.compile(r"[0-9](?:E|\.(?![0-9]))", re.IGNORECASE)


def parse_cents(text: str) -> int:
    """Cents from "1000", "1,000.00", "KES 1 000.5" or "1000/="; may be zero. Raises ValueError, with what is wrong."""
    if _OF_A_MACHINE.search(text):
        raise ValueError(f"{text.strip()!r} is not a number such as 1000 or 1,000.00")
    try:
        cents = money.signed_cents(_GROUPING_SPACE.sub(",", text))
    except money.BadAmount as error:
        raise ValueError(f"{text.strip()!r} {error}") from None
    if cents < 0:
        raise ValueError(f"{text.strip()!r} is negative")
    return cents


def group(amount: str) -> str:
    """An amount as programs read it, as people do: "1000.50" is "1,000.50"."""
    whole, dot, cents = amount.partition(".")
    return f"{int(whole):,}{dot}{cents}" if whole.isascii() and whole.isdigit() else amount
