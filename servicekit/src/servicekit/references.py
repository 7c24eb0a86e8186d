"""References that people type, such as an account: the one reading of all their spellings. Pure.

Case, white space and characters that nobody sees do not count; full-width letters and digits count as theirs.
"""

import unicodedata

# Of Unicode's full-width forms of ASCII, which keyboards of some languages type.
_FULL_WIDTH = {plain + 0xFEE0: chr(plain) for plain in range(0x21, 0x7F)}


def clean(typed: str) -> str:
    """As it is kept: nothing invisible, full width as plain, one space where there was white space."""
    return " ".join(_seen(typed).split())


def normalise(typed: str) -> str:
    """As it is compared: without any white space, in upper case."""
    return "".join(_seen(typed).split()).upper()


def _seen(typed: str) -> str:
    """Without format characters: zero-width spaces and joiners, marks of direction, byte order marks, soft hyphens."""
    if typed.isascii():
        return typed
    return "".join(one for one in typed if unicodedata.category(one) != "Cf").translate(_FULL_WIDTH)
