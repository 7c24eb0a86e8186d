"""How many SMS a text takes, and how to make it take fewer. Pure: whoever sends one, and whoever says its price.

Source: GSM 03.38. A text of GSM-7 characters takes 160 septets in one SMS and 153 in each part of a longer one;
any other character turns the whole text to UCS-2, with 70 and 67 units. A character is never split over two parts.
"""

import re
import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = _BASIC | _EXTENDED
# Nearly every text is of these; a pattern tells at a tenth of what looking at each character costs.
_ONLY_BASIC = re.compile(f"[{re.escape(''.join(sorted(_BASIC)))}]*")

_REPLACED = str.maketrans(
    {
        "\t": " ",
        "`": "'",
        "\u00b4": "'",
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201b": "'",
        "\u2032": "'",
        "\u00ab": '"',
        "\u00bb": '"',
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2033": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2015": "-",
        "\u2212": "-",
        "\u2022": "-",
        "\u2026": "...",
    }
)


def simplify(text: str) -> str:
    """The text with curly quotes, dashes and foreign accents as GSM-7 has them; what has no such form stays."""
    if _ONLY_BASIC.fullmatch(text):
        return text
    return "".join(map(_simplify_character, text.translate(_REPLACED)))


def _simplify_character(character: str) -> str:
    if character in _GSM:
        return character
    if unicodedata.category(character) in {"Cc", "Cf"}:  # control and invisible characters
        return ""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return plain if plain and _GSM.issuperset(plain) else character


def count(text: str) -> int:
    """The number of SMS the text takes; 0 for an empty one."""
    if _ONLY_BASIC.fullmatch(text):
        return -(-len(text) // 153) if len(text) > 160 else min(len(text), 1)
    if _GSM.issuperset(text):
        return _parts([1 if character in _BASIC else 2 for character in text], alone=160, joined=153)
    return _parts([1 if ord(character) < 0x10000 else 2 for character in text], alone=70, joined=67)


def _parts(widths: list[int], *, alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1 if widths else 0
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:
            parts, used = parts + 1, 0
        used += width
    return parts
